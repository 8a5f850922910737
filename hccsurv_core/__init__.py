"""hccsurv_core: images, regions, measurements and survival models for hepatocellular carcinoma.

Research use. Not a medical device. The package imports light; heavy
dependencies are imported inside the modules that use them.
"""

__version__ = "0.1.0"
