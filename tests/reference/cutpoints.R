# Maximally selected statistics by R: maxstat's scores and p-values, and survival's log-rank
# chi-square at every cut.
#
#   Rscript tests/reference/cutpoints.R      (from the repository's root)
#
# `cutpoints_small.csv` is drawn here: 60 patients without ties whose last time is an event, so
# that exactly one score is the smallest. maxstat's "HL" leaves out the score sum 0, which with
# several smallest scores can be reached and belongs to the tail.
library(survival)
library(maxstat)

folder <- "tests/reference/data"
set.seed(3)
small <- data.frame(marker = round(rnorm(60), 4))
small$time <- round(rexp(60, exp(0.6 * small$marker)) * 20, 3)
small$status <- as.integer(runif(60) < 0.8)
small$status[which.max(small$time)] <- 1
stopifnot(!anyDuplicated(small$marker), !anyDuplicated(small$time))
write.csv(small, file.path(folder, "cutpoints_small.csv"), row.names = FALSE)

veteran <- read.csv(file.path(folder, "veteran.csv"))
pbc <- read.csv(file.path(folder, "pbc.csv"))
ovarian <- read.csv(file.path(folder, "ovarian.csv"))
sets <- list(
  veteran_age = data.frame(time = veteran$time, status = veteran$status, marker = veteran$age),
  veteran_karno = data.frame(time = veteran$time, status = veteran$status, marker = veteran$karno),
  pbc_bili = data.frame(time = pbc$time, status = as.integer(pbc$status == 2), marker = pbc$bili),
  ovarian_age = data.frame(time = ovarian$futime, status = ovarian$fustat, marker = ovarian$age),
  small = small[c("time", "status", "marker")]
)

search <- function(d) {
  test <- function(method) maxstat.test(Surv(time, status) ~ marker, d, smethod = "LogRank", pmethod = method)
  first <- test("Lau92")
  cuts <- first$cuts
  chisq <- sapply(cuts, function(cut) survdiff(Surv(time, status) ~ I(marker > cut), d)$chisq)
  list(
    cuts = cuts, scores_statistic = first$stats, scores_max = unname(first$statistic),
    scores_cut = unname(first$estimate), lausen92 = first$p.value,
    lausen94 = unname(test("Lau94")$p.value), logrank_chisq = chisq
  )
}

pairs <- function(d) {
  cuts <- search(d)$cuts
  n <- nrow(d)
  best <- 0
  for (i in seq_along(cuts)) for (j in seq_along(cuts)) if (i < j) {
    group <- (d$marker > cuts[i]) + (d$marker > cuts[j])
    if (sum(group == 1) >= floor(0.1 * n)) {
      chisq <- survdiff(Surv(time, status) ~ group, d)$chisq
      if (chisq > best) { best <- chisq; found <- cuts[c(i, j)] }
    }
  }
  list(statistic = best, cuts = found)
}

karno <- sets$veteran_karno
correlation <- corrmsrs(karno$marker, 0.1, 0.9)
b <- 3
set.seed(1)
normal <- 1 - mvtnorm::pmvnorm(
  lower = rep(-b, nrow(correlation)), upper = rep(b, nrow(correlation)), corr = correlation,
  algorithm = mvtnorm::GenzBretz(maxpts = 5e7, abseps = 1e-9)
)
hl <- maxstat.test(Surv(time, status) ~ marker, small, smethod = "LogRank", pmethod = "HL")

result <- lapply(sets, search)
result$pair_veteran_age <- pairs(sets$veteran_age)
result$pair_veteran_karno <- pairs(sets$veteran_karno)
result$gauss_karno_b3 <- as.numeric(normal)
result$small$hothorn_lausen <- list(statistic = unname(hl$statistic), cut = unname(hl$estimate), p = hl$p.value)
result$versions <- list(
  R = R.version.string, survival = as.character(packageVersion("survival")),
  maxstat = as.character(packageVersion("maxstat")), mvtnorm = as.character(packageVersion("mvtnorm"))
)
jsonlite::write_json(result, "tests/reference/cutpoints.json", auto_unbox = TRUE, digits = NA)
