# Areas under ROC curves and DeLong's tests by pROC, on R's own data.
#
#   Rscript tests/reference/roc.R      (from the repository's root; needs export_datasets.R first)
suppressMessages({library(pROC); library(jsonlite)})

folder <- "tests/reference"
pbc <- read.csv(file.path(folder, "data", "pbc.csv"))
pbc <- pbc[!is.na(pbc$trt), ]
# Died within three years among those whose state then is known; bilirubin and age have ties.
known <- pbc$time > 3 * 365.25 | pbc$status == 2
pbc <- pbc[known, ]
died <- as.integer(pbc$time <= 3 * 365.25)
curve <- function(response, score) roc(response, score, direction = "<", levels = c(0, 1), quiet = TRUE)

report <- function(response, score) {
  r <- curve(response, score)
  ci <- as.numeric(ci.auc(r, method = "delong"))
  points <- coords(r, "all", ret = c("threshold", "sensitivity", "specificity"), transpose = FALSE)
  list(area = as.numeric(r$auc), variance = var(r, method = "delong"), ci = ci[c(1, 3)],
       sensitivity = rev(points$sensitivity), specificity = rev(points$specificity))
}
test_values <- function(t) list(statistic = unname(t$statistic), p = t$p.value,
  df = if (is.null(t$parameter)) NULL else unname(t$parameter), ci = as.numeric(t$conf.int))

bili <- curve(died, pbc$bili); albumin <- curve(died, -pbc$albumin)
men <- pbc$sex == "m"
best <- coords(bili, "best", best.method = "youden", ret = c("sensitivity", "specificity"), transpose = FALSE)
answer <- list(
  versions = list(R = R.version.string, pROC = as.character(packageVersion("pROC"))),
  bilirubin = report(died, pbc$bili),
  albumin = report(died, -pbc$albumin)[c("area", "variance", "ci")],
  stage = report(died[!is.na(pbc$stage)], pbc$stage[!is.na(pbc$stage)]),
  paired = test_values(roc.test(bili, albumin, paired = TRUE, method = "delong")),
  unpaired = test_values(roc.test(curve(died[men], pbc$bili[men]), curve(died[!men], pbc$bili[!men]),
                                  paired = FALSE, method = "delong")),
  youden = list(sensitivity = best$sensitivity, specificity = best$specificity)
)
write_json(answer, file.path(folder, "roc.json"), auto_unbox = TRUE, digits = NA, pretty = TRUE)
