# Reference values of tests/models/test_coxph.py: Rscript tests/reference/cox.R (from the repository root)
suppressMessages({library(survival); library(jsonlite)})

lung <- read.csv("tests/reference/data/lung.csv")
lung <- lung[complete.cases(lung[, c("age", "sex", "ph.karno", "wt.loss", "inst")]), ]
lung$dead <- lung$status == 2
veteran <- read.csv("tests/reference/data/veteran.csv")
veteran$trt2 <- as.numeric(veteran$trt == 2)
veteran$small <- as.numeric(veteran$celltype == "smallcell")
veteran$adeno <- as.numeric(veteran$celltype == "adeno")
veteran$large <- as.numeric(veteran$celltype == "large")

describe <- function(fit, newdata = NULL, times = NULL) {
  s <- summary(fit)
  out <- list(coef = unname(coef(fit)), std_error = unname(sqrt(diag(vcov(fit)))),
              naive_std_error = unname(sqrt(diag(if (is.null(fit$naive.var)) fit$var else fit$naive.var))),
              loglik = fit$loglik, score = fit$score, wald_p = unname(s$coefficients[, ncol(s$coefficients)]))
  if (!is.null(newdata)) {
    sf <- summary(survfit(fit, newdata = newdata), times = times)
    out$survival <- t(matrix(sf$surv, nrow = length(times)))
  }
  out
}
control <- coxph.control(eps = 1e-12, toler.chol = 1e-14, iter.max = 50)
new <- data.frame(age = c(50, 70), sex = c(1, 2), ph.karno = c(90, 60))
times <- c(100, 300, 600)
lung_formula <- Surv(time, dead) ~ age + sex + ph.karno
set.seed(1); lung$w <- round(runif(nrow(lung), 0.5, 2), 3)
efron <- coxph(lung_formula, lung, control = control)
breslow <- coxph(lung_formula, lung, ties = "breslow", control = control)
# Months make heavy ties.
lung$month <- ceiling(lung$time / 30.4375)
tied <- coxph(Surv(month, dead) ~ age + sex + ph.karno, lung, control = control)
tied_robust <- coxph(Surv(month, dead) ~ age + sex + ph.karno, lung, weights = w, robust = TRUE, control = control)
tied_cluster <- coxph(Surv(month, dead) ~ age + sex + ph.karno + cluster(inst), lung, control = control)
tied_weighted <- coxph(Surv(month, dead) ~ age + sex + ph.karno, lung, weights = w, robust = FALSE, control = control)
strata_fit <- coxph(Surv(month, dead) ~ age + ph.karno + strata(sex), lung, control = control)
veteran_fit <- coxph(Surv(time, status) ~ trt2 + karno + small + adeno + large, veteran, control = control)
zph <- function(fit, transform, ...) { z <- cox.zph(fit, transform = transform, ...)$table; list(names = rownames(z), chisq = unname(z[, 1]), df = unname(z[, 2]), p = unname(z[, 3])) }
factor_fit <- coxph(Surv(time, status) ~ trt2 + karno + factor(celltype, levels = c("squamous", "smallcell", "adeno", "large")), veteran, control = control)
tied_z <- cox.zph(tied, transform = "identity", terms = FALSE)
out <- list(
  versions = list(R = R.version.string, survival = as.character(packageVersion("survival"))),
  weights = lung$w,
  efron = describe(efron, new, times), breslow = describe(breslow, new, times),
  tied = describe(tied, new, c(3, 10, 20)), tied_robust = describe(tied_robust), tied_cluster = describe(tied_cluster),
  tied_weighted = describe(tied_weighted, new, c(3, 10, 20)),
  strata = describe(strata_fit), veteran = describe(veteran_fit),
  zph_veteran = lapply(setNames(nm = c("km", "rank", "identity", "log")), function(t) zph(factor_fit, t)),
  zph_tied = zph(tied, "km"), zph_strata = zph(strata_fit, "km"),
  zph_scaled = list(time = unname(as.numeric(names(tied_z$y[, 1]))), last = unname(tied_z$y[nrow(tied_z$y), ]), first = unname(tied_z$y[1, ])),
  concordance = list(
    efron = { c <- concordance(efron); list(c = unname(c$concordance), var = unname(c$var), count = unname(c$count)) },
    tied = { c <- concordance(tied); list(c = unname(c$concordance), var = unname(c$var), count = unname(c$count)) },
    uno = { c <- concordance(efron, timewt = "n/G2"); list(c = unname(c$concordance), var = unname(c$var)) },
    uno_tau = { c <- concordance(efron, timewt = "n/G2", ymax = 500); list(c = unname(c$concordance)) },
    karno_tied = { c <- concordance(Surv(time, dead) ~ ph.karno, lung, reverse = FALSE); list(c = unname(c$concordance), var = unname(c$var)) }
  )
)
write_json(out, "tests/reference/cox.json", digits = NA, auto_unbox = TRUE, pretty = TRUE)
