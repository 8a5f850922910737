# Log-rank reference values: R's survival::survdiff, and the score test of a Cox model with exact
# ties (the same hypergeometric variance) for trend and for weights.
#
#   Rscript tests/reference/logrank.R             (from the repository's root)
library(survival)

folder <- "tests/reference"
read <- function(name) read.csv(file.path(folder, "data", paste0(name, ".csv")))
total <- function(x) if (is.matrix(x)) rowSums(x) else as.vector(x)
values <- function(test) {
  list(n = as.vector(test$n), observed = total(test$obs), expected = total(test$exp),
       variance = test$var, statistic = test$chisq, dof = length(test$n) - 1, p = test$pvalue)
}

veteran <- read("veteran")
lung <- read("lung")
colon <- read("colon")
out <- list()

out$veteran_cells <- values(survdiff(Surv(time, status) ~ celltype, data = veteran))
out$veteran_cells_rho1 <- values(survdiff(Surv(time, status) ~ celltype, data = veteran, rho = 1))
out$veteran_cells_rho_half <- values(
  survdiff(Surv(time, status) ~ celltype, data = veteran, rho = 0.5))
out$veteran_trt <- values(survdiff(Surv(time, status) ~ trt, data = veteran))
out$lung_months_sex <- values(
  survdiff(Surv(ceiling(time / 30.4375), status) ~ sex, data = lung))
out$stratified <- values(
  survdiff(Surv(time, status) ~ trt + strata(celltype), data = veteran))
out$stratified_rho1 <- values(
  survdiff(Surv(time, status) ~ trt + strata(celltype), data = veteran, rho = 1))
out$colon_rx <- values(survdiff(Surv(time, status) ~ rx, data = colon))

# Trend: scores 0, 1, 2 and others, from the numerator and variance that survdiff gives.
trend <- function(test, scores) {
  u <- sum(scores * (total(test$obs) - total(test$exp)))
  u / sqrt(as.vector(t(scores) %*% test$var %*% scores))
}
months <- ceiling(lung$time / 30.4375)
ecog <- lung$ph.ecog
ecog_test <- survdiff(Surv(months, status) ~ ph.ecog, data = lung)
out$trend <- list(
  z = trend(ecog_test, 0:3), z_unequal = trend(ecog_test, c(0, 1, 4, 9)),
  exact_score_test = unname(summary(coxph(Surv(months, status) ~ ph.ecog, data = lung,
                                          ties = "exact"))$sctest["test"])
)
out$trend_stratified <- list(
  exact_score_test = unname(summary(coxph(Surv(months, status) ~ ph.ecog + strata(sex),
                                          data = lung, ties = "exact"))$sctest["test"])
)

# Pair by pair.
pairs <- combn(sort(unique(veteran$celltype)), 2)
raw <- apply(pairs, 2, function(two) {
  survdiff(Surv(time, status) ~ celltype, data = veteran[veteran$celltype %in% two, ])$pvalue
})
out$pairwise <- list(first = pairs[1, ], second = pairs[2, ], p = raw,
                     p_adjusted = p.adjust(raw, "holm"))

# Tails too far out for a number.
out$tails <- list(
  statistic = c(3.841459, 50, 1000, 2000, 3000, 20000), dof = c(1, 3, 2, 1, 4, 7),
  log10_p = pchisq(c(3.841459, 50, 1000, 2000, 3000, 20000), c(1, 3, 2, 1, 4, 7),
                   lower.tail = FALSE, log.p = TRUE) / log(10)
)

out$versions <- list(R = R.version.string, survival = as.character(packageVersion("survival")))
jsonlite::write_json(out, file.path(folder, "logrank.json"), digits = NA, auto_unbox = TRUE,
                     na = "null")
