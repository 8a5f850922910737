# Table 1 by base R: descriptions, tests, exact tests of larger tables, standardized differences.
#
#   Rscript tests/reference/table_one.R      (from the repository's root)
pbc <- read.csv("tests/reference/data/pbc.csv")
trial <- pbc[!is.na(pbc$trt), ]
colon <- read.csv("tests/reference/data/colon.csv")

describe <- function(x) {
  q <- as.numeric(quantile(x, c(0.25, 0.5, 0.75), na.rm = TRUE))
  list(n = sum(!is.na(x)), mean = mean(x, na.rm = TRUE), sd = sd(x, na.rm = TRUE), q1 = q[1], median = q[2], q3 = q[3])
}
smd <- function(x, g) {
  a <- x[g == levels(g)[1] & !is.na(x)]; b <- x[g == levels(g)[2] & !is.na(x)]
  abs(mean(a) - mean(b)) / sqrt((var(a) + var(b)) / 2)
}
yang_dalton <- function(a, b) {
  p <- a / sum(a); q <- b / sum(b); k <- length(p)
  cov <- function(s) diag(s) - outer(s, s)
  d <- (p - q)[-1]
  S <- ((cov(p) + cov(q)) / 2)[-1, -1, drop = FALSE]
  sqrt(as.numeric(t(d) %*% solve(S) %*% d))
}

trt <- factor(trial$trt)
two <- lapply(c(age = "age", bili = "bili", chol = "chol"), function(name) {
  x <- trial[[name]]
  list(
    all = describe(x), first = describe(x[trt == 1]),
    welch = t.test(x ~ trt)$p.value,
    mann_whitney = wilcox.test(x ~ trt, exact = FALSE)$p.value, smd = smd(x, trt)
  )
})
stage <- table(trial$stage, trt)
two$stage <- list(chisq = chisq.test(stage, correct = FALSE)$p.value, smd = yang_dalton(stage[, 1], stage[, 2]))
sex <- table(trial$sex, trt)
two$sex <- list(chisq = chisq.test(sex, correct = FALSE)$p.value, smd = yang_dalton(sex[, 1], sex[, 2]))

rx <- factor(colon$rx, levels = c("Lev", "Lev+5FU", "Obs"))
three <- lapply(c(age = "age", nodes = "nodes"), function(name) {
  x <- colon[[name]]
  parts <- split(x, rx)
  pair <- function(a, b) abs(mean(a, na.rm = TRUE) - mean(b, na.rm = TRUE)) / sqrt((var(a, na.rm = TRUE) + var(b, na.rm = TRUE)) / 2)
  list(
    welch = oneway.test(x ~ rx)$p.value, kruskal = kruskal.test(x ~ rx)$p.value,
    smd = max(pair(parts[[1]], parts[[2]]), pair(parts[[1]], parts[[3]]), pair(parts[[2]], parts[[3]]))
  )
})
three$extent <- list(p = fisher.test(table(colon$extent, rx), workspace = 2e7)$p.value)

tables <- list(
  rbind(c(3, 1), c(1, 3)), rbind(c(10, 2), c(3, 15)), rbind(c(0, 9), c(6, 2)),
  rbind(c(3, 1, 0), c(2, 5, 1), c(0, 2, 6), c(4, 0, 1)),
  rbind(c(1, 2, 1, 0), c(3, 3, 6, 1), c(10, 10, 14, 9), c(6, 7, 12, 11)),
  rbind(c(2, 8), c(5, 5), c(9, 1)), rbind(c(20, 0, 3), c(11, 4, 9))
)
fisher <- lapply(tables, function(m) list(table = m, p = fisher.test(m, workspace = 2e7)$p.value))

jsonlite::write_json(
  list(two = two, three = three, fisher = fisher, versions = list(R = R.version.string)),
  "tests/reference/table_one.json", auto_unbox = TRUE, digits = NA
)
