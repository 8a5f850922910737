# Harrell's C and its infinitesimal-jackknife standard error, survival::concordance.
# Run from the repository root: Rscript tests/reference/truth_check.R
library(survival)
library(jsonlite)

cases <- list()
veteran <- read.csv("tests/reference/data/veteran.csv")
lung <- read.csv("tests/reference/data/lung.csv")
add <- function(name, time, event, score) {
  fit <- concordance(Surv(time, event) ~ score, reverse = TRUE)
  cases[[name]] <<- list(c_index = unname(fit$concordance), std_error = sqrt(unname(fit$var)))
}
add("veteran_karno", veteran$time, veteran$status, -veteran$karno)
add("veteran_age", veteran$time, veteran$status, veteran$age)
add("lung_age", lung$time, lung$status == 2, lung$age)
add("lung_sex", lung$time, lung$status == 2, -lung$sex)

write_json(
  list(versions = list(R = R.version.string, survival = as.character(packageVersion("survival"))),
       cases = cases),
  "tests/reference/truth_check.json", digits = NA, auto_unbox = TRUE, pretty = TRUE
)
