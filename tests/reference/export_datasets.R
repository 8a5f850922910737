# Exports data sets that come with R's survival package, for the reference values beside this
# script and for the tests that are held against them.
#
#   Rscript tests/reference/export_datasets.R      (from the repository's root)
#
# All columns are kept as they are; a missing value is an empty field. Of `colon` only the rows
# for death are kept (etype 2; one row a patient), so that it is an ordinary survival table.
library(survival)

folder <- "tests/reference/data"
dir.create(folder, showWarnings = FALSE)

export <- function(name, table) {
  write.csv(table, file.path(folder, paste0(name, ".csv")), row.names = FALSE, na = "")
}

export("veteran", veteran)
export("lung", lung)
export("ovarian", ovarian)
export("pbc", pbc)
export("mgus2", mgus2)
export("colon", colon[colon$etype == 2, ])

jsonlite::write_json(
  list(R = R.version.string, survival = as.character(packageVersion("survival"))),
  file.path(folder, "versions.json"), auto_unbox = TRUE, pretty = TRUE
)
