# rms::validate of a Cox model, with the resamples it drew.
#
#   Rscript tests/reference/optimism.R      (from the repository's root)
#
# predab.resample draws with sample(n, replace = TRUE) once a resample and nothing else is random,
# so the same seed gives the indices.
suppressMessages(library(rms))

veteran <- read.csv("tests/reference/data/veteran.csv")
veteran$small <- as.integer(veteran$celltype == "smallcell")
fit <- cph(Surv(time, status) ~ karno + age + diagtime + prior + trt + small, veteran, x = TRUE, y = TRUE)
n <- nrow(veteran)
resamples <- 25
set.seed(7)
drawn <- t(sapply(seq_len(resamples), function(i) sample(n, replace = TRUE)))
set.seed(7)
boot <- validate(fit, B = resamples, dxy = TRUE)["Dxy", ]
# Many resamples, to be held against draws of another generator.
set.seed(11)
many <- validate(fit, B = 1000, dxy = TRUE)["Dxy", ]

jsonlite::write_json(
  list(
    covariates = c("karno", "age", "diagtime", "prior", "trt", "small"),
    resamples = drawn - 1L, dxy = as.list(boot), dxy_1000 = as.list(many),
    versions = list(
      R = R.version.string, rms = as.character(packageVersion("rms")),
      survival = as.character(packageVersion("survival"))
    )
  ),
  "tests/reference/optimism.json", auto_unbox = TRUE, digits = NA
)
