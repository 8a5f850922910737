# Restricted mean survival: R's survival::survfit, summary(rmean =), and contrasts made from it as
# survRM2 does (Uno et al. 2014): difference with a normal interval, ratios on the logarithm.
#
#   Rscript tests/reference/restricted_mean.R     (from the repository's root)
library(survival)

folder <- "tests/reference"
read <- function(name) read.csv(file.path(folder, "data", paste0(name, ".csv")))

one <- function(time, event, tau) {
  row <- summary(survfit(Surv(time, event) ~ 1), rmean = tau)$table
  # The column names changed between versions of survival; the order did not.
  list(value = unname(row[5]), std_error = unname(row[6]))
}
contrast <- function(estimate, error, exponent = FALSE) {
  z <- qnorm(0.975)
  back <- if (exponent) exp else identity
  list(value = back(estimate), ci_low = back(estimate - z * error),
       ci_high = back(estimate + z * error), p = 2 * pnorm(-abs(estimate) / error))
}
compare <- function(time, event, other, tau) {
  a <- one(time[!other], event[!other], tau)
  b <- one(time[other], event[other], tau)
  ratio <- function(x, y) {
    contrast(log(y / x), sqrt((a$std_error / x)^2 + (b$std_error / y)^2), TRUE)
  }
  list(tau = tau, reference = a, other = b,
       difference = contrast(b$value - a$value, sqrt(a$std_error^2 + b$std_error^2)),
       ratio = ratio(a$value, b$value), loss_ratio = ratio(tau - a$value, tau - b$value))
}

out <- list()
pbc <- read("pbc")[1:312, ]
out$pbc_10_years <- compare(pbc$time / 365.25, pbc$status == 2, pbc$trt == 1, 10)
veteran <- read("veteran")
out$veteran <- lapply(c(30, 100, 365, 553), function(tau) {
  compare(veteran$time, veteran$status == 1, veteran$trt == 2, tau)
})
lung <- read("lung")
months <- ceiling(lung$time / 30.4375)
out$lung_ties <- lapply(c(6, 12, 24), function(tau) {
  compare(months, lung$status == 2, lung$sex == 2, tau)
})

out$versions <- list(R = R.version.string, survival = as.character(packageVersion("survival")))
jsonlite::write_json(out, file.path(folder, "restricted_mean.json"), digits = NA,
                     auto_unbox = TRUE, na = "null")
