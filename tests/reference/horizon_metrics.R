# Areas under time-dependent ROC curves, Brier scores and their comparisons by riskRegression.
#
#   Rscript tests/reference/horizon_metrics.R   (from the repository's root; needs export_datasets.R)
#
# Two data sets: pbc (trial patients, death; days made into months, few ties) and mgus2 (whole
# months, many ties; plasma cell malignancy with death as the competing event). The predicted
# risks are plain formulas of the covariates, so that the tests can compute them too.
suppressMessages({library(riskRegression); library(prodlim); library(survival); library(jsonlite)})

folder <- "tests/reference"
horizons <- c(12, 36, 60)

pbc <- read.csv(file.path(folder, "data", "pbc.csv"))
pbc <- pbc[!is.na(pbc$trt), ]
pbc$months <- pbc$time / 30.4375
pbc$died <- as.integer(pbc$status == 2)
risk_by <- function(hazard) sapply(horizons, function(t) 1 - exp(-t / 100 * hazard))
pbc_risks <- list(a = risk_by(0.25 * pbc$bili^0.8), b = risk_by(exp(2.4 - 0.9 * pbc$albumin)))

mgus <- read.csv(file.path(folder, "data", "mgus2.csv"))
mgus <- mgus[!is.na(mgus$mspike) & !is.na(mgus$hgb), ]
mgus$months <- ifelse(mgus$pstat == 1, mgus$ptime, mgus$futime)
mgus$cause <- ifelse(mgus$pstat == 1, 1, ifelse(mgus$death == 1, 2, 0))
mgus$dead <- as.integer(mgus$cause > 0)
mgus_risks <- list(a = risk_by(0.12 * mgus$mspike^2), b = risk_by(0.3 * exp(-0.05 * mgus$hgb)))
mgus_any <- list(a = risk_by(0.02 * exp(0.05 * mgus$age)), b = risk_by(4 * exp(-0.1 * mgus$hgb)))

flat <- function(table, ...) lapply(split(as.data.frame(table), as.character(table$model)), function(x)
  as.list(x[order(x$times), setdiff(names(x), c("model", "reference"))]))
score <- function(risks, formula, data, ...) {
  s <- Score(risks, formula = formula, data = data, times = horizons, metrics = c("AUC", "Brier"),
             summary = c("ipa"), se.fit = TRUE, conf.int = TRUE, null.model = TRUE,
             contrasts = TRUE, cens.model = "km", plots = "roc", ...)
  list(auc = flat(s$AUC$score), brier = flat(s$Brier$score),
       auc_difference = flat(s$AUC$contrasts), brier_difference = lapply(
         split(as.data.frame(s$Brier$contrasts), paste(s$Brier$contrasts$model, s$Brier$contrasts$reference)),
         function(x) as.list(x[order(x$times), c("times", "delta.Brier", "se", "p")])),
       roc_at_36 = {r <- as.data.frame(s$ROC$plotframe); r <- r[r$model == "a" & r$times == 36, ]
         list(sensitivity = r$TPR, false_positive_rate = r$FPR)})
}
answer <- list(
  versions = list(R = R.version.string, riskRegression = as.character(packageVersion("riskRegression")),
                  prodlim = as.character(packageVersion("prodlim"))),
  pbc = score(pbc_risks, Surv(months, died) ~ 1, pbc),
  mgus_any = score(mgus_any, Surv(months, dead) ~ 1, mgus),
  mgus_cause = score(mgus_risks, Hist(months, cause) ~ 1, mgus, cause = 1)
)
write_json(answer, file.path(folder, "horizon_metrics.json"), auto_unbox = TRUE, digits = NA, pretty = TRUE)
