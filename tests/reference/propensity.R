# A propensity model, its weights and the balance they give, by base R.
#
#   Rscript tests/reference/propensity.R      (from the repository's root)
#
# "Treated" are the trial patients of pbc with spider angiomas: no treatment, but as confounded.
pbc <- read.csv("tests/reference/data/pbc.csv")
d <- pbc[!is.na(pbc$trt), ]
d$female <- as.integer(d$sex == "f")
d$log_bili <- log(d$bili)
names <- c("age", "albumin", "log_bili", "female", "hepato")
fit <- glm(
  reformulate(names, "spiders"), binomial, d,
  control = glm.control(epsilon = 1e-15, maxit = 100)
)
e <- fitted(fit)
t <- d$spiders == 1
weights <- list(
  ate = ifelse(t, 1 / e, 1 / (1 - e)), att = ifelse(t, 1, e / (1 - e)),
  atc = ifelse(t, (1 - e) / e, 1), overlap = ifelse(t, 1 - e, e)
)
balance <- lapply(weights, function(w) lapply(setNames(names, names), function(name) {
  x <- d[[name]]
  wv <- function(m) if (all(x %in% 0:1)) NA else cov.wt(matrix(x[m]), w[m] / sum(w[m]))$cov[1]
  pv <- function(m) if (all(x %in% 0:1)) mean(x[m]) * (1 - mean(x[m])) else var(x[m])
  spread <- sqrt((pv(t) + pv(!t)) / 2)
  list(
    before = (mean(x[t]) - mean(x[!t])) / spread,
    after = (weighted.mean(x[t], w[t]) - weighted.mean(x[!t], w[!t])) / spread,
    ratio_before = if (all(x %in% 0:1)) NA else var(x[t]) / var(x[!t]), ratio_after = wv(t) / wv(!t)
  )
}))
effective <- lapply(weights, function(w) c(sum(w[t])^2 / sum(w[t]^2), sum(w[!t])^2 / sum(w[!t]^2)))
jsonlite::write_json(
  list(
    names = names, coef = as.numeric(coef(fit)), std_error = as.numeric(sqrt(diag(vcov(fit)))),
    log_likelihood = as.numeric(logLik(fit)), score = as.numeric(e), balance = balance,
    effective = effective,
    c_statistic = as.numeric(wilcox.test(e[t], e[!t], exact = FALSE)$statistic) / (sum(t) * sum(!t)),
    versions = list(R = R.version.string)
  ),
  "tests/reference/propensity.json", auto_unbox = TRUE, digits = NA, na = "null"
)
