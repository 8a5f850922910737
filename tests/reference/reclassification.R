# Reclassification: Hmisc::improveProb for a binary outcome, and for a censored one the formulas of
# Uno et al. (2013) and of Pencina, D'Agostino and Steyerberg (2011) with curves by survfit.
#
#   Rscript tests/reference/reclassification.R   (from the repository's root; needs export_datasets.R)
#
# pbc: trial patients, death by 36 months (no death on the day of a censoring until then).
suppressMessages({library(survival); library(Hmisc); library(jsonlite)})

folder <- "tests/reference"
horizon <- 36
cutoffs <- c(0.1, 0.25)
pbc <- read.csv(file.path(folder, "data", "pbc.csv"))
pbc <- pbc[!is.na(pbc$trt), ]
pbc$months <- pbc$time / 30.4375
pbc$died <- as.integer(pbc$status == 2)
pbc$new <- 1 - exp(-horizon * 0.25 * pbc$bili^0.8 / 100)
pbc$old <- 1 - exp(-horizon / 100 * exp(2.4 - 0.9 * pbc$albumin))

known <- pbc[pbc$months > horizon | pbc$died == 1, ]
y <- as.integer(known$months <= horizon & known$died == 1)
binary <- improveProb(known$old, known$new, y)
category <- function(p) findInterval(p, cutoffs)
table_of <- function(rows) unclass(table(factor(category(known$old[rows]), 0:2), factor(category(known$new[rows]), 0:2)))

# Weights of inverse probability of censoring: G by survfit of the censoring indicator.
g <- survfit(Surv(months, 1 - died) ~ 1, data = pbc)
before <- function(t) stepfun(g$time, c(1, g$surv), right = TRUE)(t)
case <- pbc$months <= horizon & pbc$died == 1
control <- pbc$months > horizon
weight <- ifelse(case, 1 / before(pbc$months), 0)
difference <- pbc$new - pbc$old
ipcw <- function(change) c(weighted.mean(change[case], weight[case]), -mean(change[control]))
median_of <- function(x, w) {o <- order(x); x[o][which(cumsum(w[o]) / sum(w) >= 0.5)[1]]}

# Pencina, D'Agostino and Steyerberg: risks by Kaplan-Meier among those moved up and down.
risk <- function(rows) 1 - summary(survfit(Surv(months, died) ~ 1, data = pbc[rows, ]), times = horizon)$surv
km <- function(up, down) {
  n <- nrow(pbc); r <- risk(rep(TRUE, n)); u <- risk(up); d <- risk(down)
  c((sum(up) * u - sum(down) * d) / (n * r), (sum(down) * (1 - d) - sum(up) * (1 - u)) / (n * (1 - r)))
}
moved <- category(pbc$new) - category(pbc$old)

answer <- list(
  versions = list(R = R.version.string, Hmisc = as.character(packageVersion("Hmisc")),
                  survival = as.character(packageVersion("survival"))),
  binary = lapply(unclass(binary)[c("nri", "se.nri", "nri.ev", "se.nri.ev", "nri.ne", "se.nri.ne",
                                    "improveSens", "improveSpec", "idi", "se.idi")], as.numeric),
  binary_events = table_of(y == 1), binary_nonevents = table_of(y == 0),
  idi = ipcw(difference), continuous = ipcw(sign(difference)), categorical = ipcw(sign(moved)),
  medians = c(median_of(difference[case], weight[case]), median(difference[control])),
  km_continuous = km(difference > 0, difference < 0), km_categorical = km(moved > 0, moved < 0)
)
write_json(answer, file.path(folder, "reclassification.json"), auto_unbox = TRUE, digits = NA, pretty = TRUE)
