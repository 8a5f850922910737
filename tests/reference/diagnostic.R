# Proportions, McNemar's test and corrected p-values by base R.
#
#   Rscript tests/reference/diagnostic.R      (from the repository's root)
counts <- list(c(81, 263), c(15, 148), c(0, 20), c(20, 20), c(1, 29), c(7, 9))
proportions <- lapply(counts, function(k) list(
  successes = k[1], n = k[2],
  exact = as.numeric(binom.test(k[1], k[2])$conf.int),
  wilson = as.numeric(prop.test(k[1], k[2], correct = FALSE)$conf.int),
  exact90 = as.numeric(binom.test(k[1], k[2], conf.level = 0.9)$conf.int)
))

discordant <- list(c(12, 2), c(5, 5), c(0, 6), c(33, 21))
mcnemar <- lapply(discordant, function(k) list(
  only_first = k[1], only_second = k[2],
  exact = binom.test(k[1], sum(k))$p.value,
  chisq = mcnemar.test(matrix(c(10, k[1], k[2], 10), 2), correct = FALSE)$p.value
))

p <- c(0.01, 0.02, 0.03, 0.04, 0.05, 0.0004, 0.9, 0.02, NA, 0.3)
adjusted <- list(
  p = p, holm = p.adjust(p, "holm"), bonferroni = p.adjust(p, "bonferroni"),
  "benjamini-hochberg" = p.adjust(p, "BH")
)

jsonlite::write_json(
  list(
    proportions = proportions, mcnemar = mcnemar, adjusted = adjusted,
    versions = list(R = R.version.string)
  ),
  "tests/reference/diagnostic.json", auto_unbox = TRUE, digits = NA, na = "null"
)
