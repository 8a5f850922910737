"""Many patients at once: a function run on each, on all cores or a cluster, kept as it comes."""

from hccsurv_core.batch.result_file import Failure
from hccsurv_core.batch.run import BatchResult, extract_batch
from hccsurv_core.batch.settings import BatchSettings

__all__ = ["BatchResult", "BatchSettings", "Failure", "extract_batch"]
