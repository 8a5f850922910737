# Competing risks: cumulative incidence (cmprsk::cuminc, multi-state survival::survfit), Gray's
# test (cmprsk::cuminc) and Fine-Gray regression (cmprsk::crr).
#
#   Rscript tests/reference/competing_risks.R     (from the repository's root)
library(survival)
library(cmprsk)

folder <- "tests/reference"
read <- function(name) read.csv(file.path(folder, "data", paste0(name, ".csv")))

# mgus2: 1 = malignancy, 2 = death without it. Months, so with many ties.
mgus2 <- read("mgus2")
mgus2$time <- ifelse(mgus2$pstat == 0, mgus2$futime, mgus2$ptime)
mgus2$cause <- ifelse(mgus2$pstat == 0, 2 * mgus2$death, 1)
# pbc: 1 = transplantation, 2 = death. Days.
pbc <- read("pbc")
out <- list()

curves <- function(time, cause, at) {
  fit <- timepoints(cuminc(time, cause), at)
  list(at = at, estimate = unname(fit$est), variance = unname(fit$var))
}
multi_state <- function(time, cause, conf_type, weights = NULL) {
  data <- data.frame(time, cause = factor(cause, 0:2), w = if (is.null(weights)) 1 else weights)
  fit <- survfit(Surv(time, cause) ~ 1, data = data, weights = w, conf.type = conf_type,
                 id = seq_len(nrow(data)))
  list(time = fit$time, estimate = t(fit$pstate), std_error = t(fit$std.err),
       ci_low = t(fit$lower), ci_high = t(fit$upper), at_risk = fit$n.risk[, 1])
}
few <- 1:120
out$mgus2 <- curves(mgus2$time, mgus2$cause, c(1, 12, 60, 120, 240, 360))
out$pbc <- curves(pbc$time, pbc$status, c(100, 500, 1000, 2000, 3000, 4500))
out$pbc_multi_state <- multi_state(pbc$time[few], pbc$status[few], "log-log")
out$pbc_multi_state_plain <- multi_state(pbc$time[few], pbc$status[few], "plain")
out$mgus2_weighted <- multi_state(mgus2$time[few], mgus2$cause[few], "log-log",
                                  0.5 + (mgus2$age[few] %% 7) / 4)

# Small: ties of every kind, an event at 0, everybody gone at the end.
small <- list(time = c(0, 1, 1, 2, 2, 2, 3, 4, 4, 5, 6, 6), cause = c(1, 1, 2, 1, 2, 0, 0, 1, 1, 2, 1, 2))
out$small <- c(small, list(
  cuminc = curves(small$time, small$cause, c(0, 1, 2, 3, 4, 5, 6)),
  survfit = multi_state(small$time, small$cause, "log-log")
))

# Gray's test for both causes.
gray <- function(...) {
  test <- cuminc(...)$Tests
  list(statistic = unname(test[, "stat"]), p = unname(test[, "pv"]), dof = unname(test[, "df"]))
}
age_group <- cut(mgus2$age, c(0, 60, 70, 80, 200), labels = FALSE)
out$gray <- list(
  sex = gray(mgus2$time, mgus2$cause, mgus2$sex),
  age = gray(mgus2$time, mgus2$cause, age_group),
  age_rho = gray(mgus2$time, mgus2$cause, age_group, rho = 1),
  sex_within_age = gray(mgus2$time, mgus2$cause, mgus2$sex, strata = age_group),
  age_within_sex = gray(mgus2$time, mgus2$cause, age_group, strata = mgus2$sex),
  pbc_edema = gray(pbc$time, pbc$status, pbc$edema),
  small = gray(small$time, small$cause, rep(1:3, 4)),
  small_groups = rep(1:3, 4)
)

# Fine-Gray regression. crr stops early by its own rule; started again where it stopped, once
# more and once more, it arrives where nothing moves.
fine_gray <- function(time, cause, x, failcode, predict_x = NULL, groups = NULL) {
  arguments <- list(ftime = time, fstatus = cause, cov1 = as.matrix(x), failcode = failcode,
                    gtol = 1e-12)
  if (!is.null(groups)) arguments$cengroup <- groups
  fit <- do.call(crr, arguments)
  for (again in 1:3) fit <- do.call(crr, c(arguments, list(init = fit$coef)))
  result <- list(names = colnames(x), coef = unname(fit$coef), variance = unname(fit$var),
                 std_error = sqrt(diag(fit$var)), log_likelihood = fit$loglik,
                 log_likelihood_null = fit$loglik.null, time = fit$uftime, jump = fit$bfitj,
                 converged = fit$converged)
  if (!is.null(predict_x)) {
    curve <- predict(fit, predict_x)
    result$predict_x <- predict_x
    result$predicted <- unname(t(curve[, -1]))
  }
  result
}
m <- mgus2[complete.cases(mgus2[, c("age", "hgb", "creat", "mspike")]), ]
mx <- cbind(age = m$age, male = as.numeric(m$sex == "M"), hgb = m$hgb, creat = m$creat,
            mspike = m$mspike)
p <- pbc[complete.cases(pbc[, c("age", "bili", "albumin", "protime", "edema")]), ]
# Nearly centered, for the sake of crr, which does not do so itself.
px <- cbind(age = p$age - 50, log_bili = log(p$bili), albumin = p$albumin - 3.5,
            protime = p$protime - 10.5, edema = p$edema)
someone <- rbind(c(60, 1, 13, 1, 1), c(80, 0, 10, 2, 0.5))
out$fine_gray <- list(
  mgus2_1 = fine_gray(m$time, m$cause, mx, 1, someone),
  mgus2_2 = fine_gray(m$time, m$cause, mx, 2),
  mgus2_groups = fine_gray(m$time, m$cause, mx, 1, groups = m$sex),
  pbc_1 = fine_gray(p$time, p$status, px, 1),
  pbc_2 = fine_gray(p$time, p$status, px, 2)
)

out$versions <- list(R = R.version.string, survival = as.character(packageVersion("survival")),
                     cmprsk = as.character(packageVersion("cmprsk")))
jsonlite::write_json(out, file.path(folder, "competing_risks.json"), digits = NA,
                     auto_unbox = TRUE, na = "null")
