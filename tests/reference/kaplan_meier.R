# Kaplan-Meier reference values: R's survival::survfit on data sets that come with R.
#
#   Rscript tests/reference/kaplan_meier.R        (from the repository's root)
library(survival)
library(prodlim)

folder <- "tests/reference"
read <- function(name) read.csv(file.path(folder, "data", paste0(name, ".csv")))

# Standard errors of survival itself: with Greenwood survfit stores that of ln S.
values <- function(fit) {
  list(
    time = fit$time, survival = fit$surv,
    std_error = if (isTRUE(fit$logse)) fit$std.err * fit$surv else fit$std.err,
    ci_low = fit$lower, ci_high = fit$upper,
    at_risk = fit$n.risk, n_event = fit$n.event, n_censored = fit$n.censor
  )
}
quantiles <- function(fit, probabilities) {
  q <- quantile(fit, probabilities)
  list(p = probabilities, value = unname(q$quantile), ci_low = unname(q$lower),
       ci_high = unname(q$upper))
}
three_scales <- function(time, event, probabilities) {
  sapply(c("log-log", "log", "plain"), function(kind) {
    fit <- survfit(Surv(time, event) ~ 1, conf.type = kind)
    c(values(fit), list(quantiles = quantiles(fit, probabilities)))
  }, simplify = FALSE)
}

lung <- read("lung")
veteran <- read("veteran")
ovarian <- read("ovarian")
tenths <- seq(0.05, 0.95, by = 0.05)
out <- list()
out$veteran <- three_scales(veteran$time, veteran$status == 1, tenths)
out$ovarian <- three_scales(ovarian$futime, ovarian$fustat == 1, tenths)

# Small, with ties, an event at time 0, a flat part at exactly one half, and events to the end.
small <- list(time = c(0, 1, 2, 2, 3, 4, 4, 5), event = c(1, 1, 1, 0, 0, 1, 1, 1))
flat <- list(time = c(1, 2, 3, 4, 6, 9), event = c(1, 1, 1, 0, 0, 0))
flat_inside <- list(time = c(1, 2, 3, 4), event = c(1, 1, 1, 1))
censored <- list(time = c(1, 2, 3), event = c(0, 0, 0))
for (name in c("small", "flat", "flat_inside", "censored")) {
  data <- get(name)
  out[[name]] <- c(data, list(fits = three_scales(data$time, data$event, c(0.25, 0.5, 0.75))))
}

# Weights that are not whole numbers: robust variance; whole numbers: numbers of patients.
weights <- 0.5 + (lung$age %% 7) / 4
out$weighted <- values(survfit(Surv(time, status == 2) ~ 1, data = lung, weights = weights,
                               conf.type = "log-log"))
counts <- 1 + lung$age %% 3
out$counted <- values(survfit(Surv(time, status == 2) ~ 1, data = lung, weights = counts,
                              robust = FALSE, conf.type = "log-log"))
out$unweighted_robust <- values(survfit(Surv(time, status == 2) ~ 1, data = lung, robust = TRUE,
                                        conf.type = "log-log"))

# Reverse Kaplan-Meier. Months on purpose: many ties.
months <- ceiling(lung$time / 30.4375)
fit <- survfit(Surv(months, status == 1) ~ 1, data = lung, conf.type = "log-log")
out$follow_up <- quantiles(fit, 0.5)
reverse <- prodlim(Hist(months, status) ~ 1, data = data.frame(months, status = lung$status == 2),
                   reverse = TRUE)
out$censoring <- list(time = reverse$time, survival = reverse$surv)

out$versions <- list(
  R = R.version.string, survival = as.character(packageVersion("survival")),
  prodlim = as.character(packageVersion("prodlim"))
)
jsonlite::write_json(out, file.path(folder, "kaplan_meier.json"), digits = NA, auto_unbox = TRUE,
                     na = "null")
