# Calibration of predicted survival and of predicted probabilities, by survival, Hmisc, geepack,
# prodlim and rms.
#
#   Rscript tests/reference/calibration.R    (from the repository's root; needs export_datasets.R)
#
# pbc: trial patients, death; predicted risks are a plain formula of bilirubin, which the tests
# compute too. lung: whole days, so many ties.
suppressMessages({library(survival); library(Hmisc); library(geepack); library(prodlim)
  library(rms); library(jsonlite)})

folder <- "tests/reference"
horizon <- 36
pbc <- read.csv(file.path(folder, "data", "pbc.csv"))
pbc <- pbc[!is.na(pbc$trt), ]
pbc$months <- pbc$time / 30.4375
pbc$died <- as.integer(pbc$status == 2)
pbc$hazard <- 0.25 * pbc$bili^0.8 / 100
pbc$lp <- log(pbc$hazard)
pbc$risk <- 1 - exp(-horizon * pbc$hazard)
pbc$cll <- log(-log(1 - pbc$risk))

# The calibration curve of Austin, Harrell and van Klaveren by restricted cubic splines.
curve <- function(data, time, event, cll, risk, horizon) {
  basis <- rcspline.eval(cll, nk = 3, inclx = TRUE)
  knots <- attr(basis, "knots")
  fit <- coxph(Surv(time, event) ~ basis)
  grid <- seq(min(risk), max(risk), length.out = 5)
  new <- rcspline.eval(log(-log(1 - grid)), knots = knots, inclx = TRUE)
  at <- function(b) {
    s <- summary(survfit(fit, newdata = list(basis = b), conf.type = "log-log"), times = horizon)
    list(risk = as.numeric(1 - s$surv), low = as.numeric(1 - s$upper), high = as.numeric(1 - s$lower))
  }
  points <- at(new)
  distance <- abs(at(basis)$risk - risk)
  list(knots = knots, grid = grid, observed = points$risk, low = points$low, high = points$high,
       ici = mean(distance), e50 = median(distance), e90 = unname(quantile(distance, 0.9)))
}

groups <- cut(pbc$risk, quantile(pbc$risk, seq(0, 1, 0.2)), include.lowest = TRUE)
grouped <- summary(survfit(Surv(months, died) ~ groups, data = pbc, conf.type = "log-log"), times = horizon)
km <- summary(survfit(Surv(months, died) ~ 1, data = pbc), times = horizon)
ratio <- (1 - km$surv) / mean(pbc$risk)
slope <- coxph(Surv(months, died) ~ lp, data = pbc)

pseudo <- as.numeric(1 - jackknife(prodlim(Hist(months, died) ~ 1, data = pbc), times = horizon))
pbc$pseudo <- pseudo
pbc$id <- seq_len(nrow(pbc))
gee <- function(formula) {
  g <- summary(geese(formula, data = pbc, id = id, scale.fix = TRUE, family = gaussian,
                     mean.link = "cloglog", corstr = "independence",
                     control = geese.control(epsilon = 1e-12, maxit = 100)))$mean
  list(estimate = g$estimate, se = g$san.se)
}
expected <- pbc$months * pbc$hazard
poisson_large <- summary(glm(died ~ offset(log(expected)), family = poisson, data = pbc, epsilon = 1e-14))
poisson_slope <- summary(glm(died ~ lp + offset(log(expected) - lp), family = poisson, data = pbc, epsilon = 1e-14))

lung <- read.csv(file.path(folder, "data", "lung.csv"))
lung <- lung[!is.na(lung$ph.ecog), ]
lung$risk <- 1 - exp(-0.7 * exp(0.4 * lung$ph.ecog + 0.01 * (lung$age - 60)))
lung_curve <- curve(lung, lung$time / 30.4375, lung$status == 2, log(-log(1 - lung$risk)), lung$risk, 12)
lung_pseudo <- as.numeric(1 - jackknife(prodlim(Hist(time, status == 2) ~ 1, data = lung), times = 365))

known <- pbc[pbc$months > horizon | pbc$died == 1, ]
y <- as.integer(known$months <= horizon & known$died == 1)
val <- val.prob(known$risk, y, pl = FALSE)
odds <- qlogis(known$risk)
large <- summary(glm(y ~ offset(odds), family = binomial, epsilon = 1e-14))$coefficients
weak <- summary(glm(y ~ odds, family = binomial, epsilon = 1e-14))$coefficients
basis <- rcspline.eval(odds, nk = 3, inclx = TRUE)
smooth <- glm(y ~ basis, family = binomial, epsilon = 1e-14)
grid <- seq(min(known$risk), max(known$risk), length.out = 5)
at <- predict(smooth, newdata = list(basis = rcspline.eval(qlogis(grid), knots = attr(basis, "knots"), inclx = TRUE)), se.fit = TRUE)
distance <- abs(fitted(smooth) - known$risk)

answer <- list(
  versions = list(R = R.version.string, survival = as.character(packageVersion("survival")),
                  Hmisc = as.character(packageVersion("Hmisc")), geepack = as.character(packageVersion("geepack")),
                  prodlim = as.character(packageVersion("prodlim")), rms = as.character(packageVersion("rms"))),
  spline = {b <- rcspline.eval(pbc$cll[1:6], knots = c(-3, -2, -1, 0), inclx = TRUE); list(x = pbc$cll[1:6], basis = unclass(b)[, 1:3])},
  pbc = list(
    curve = curve(pbc, pbc$months, pbc$died, pbc$cll, pbc$risk, horizon),
    groups = list(predicted = as.numeric(tapply(pbc$risk, groups, mean)), observed = 1 - grouped$surv,
                  low = 1 - grouped$upper, high = 1 - grouped$lower),
    ratio = list(value = ratio, low = ratio * exp(-qnorm(0.975) * km$std.err / (1 - km$surv)),
                 high = ratio * exp(qnorm(0.975) * km$std.err / (1 - km$surv))),
    slope = list(value = unname(coef(slope)), se = sqrt(vcov(slope)[1, 1])),
    pseudo = pseudo,
    gee_intercept = gee(pseudo ~ offset(cll)),
    gee_slope = gee(pseudo ~ cll),
    poisson_intercept = poisson_large$coefficients[1, 1:2],
    poisson_slope = poisson_slope$coefficients[2, 1:2]),
  lung = list(curve = lung_curve, pseudo = lung_pseudo),
  binary = list(intercept = large[1, 1:2], slope = weak[2, 1:2], val_prob_slope = val[["Slope"]],
                val_prob_brier = val[["Brier"]],
                curve = list(grid = grid, link = as.numeric(at$fit), se = as.numeric(at$se.fit),
                             ici = mean(distance), e50 = unname(median(distance)), e90 = unname(quantile(distance, 0.9))))
)
write_json(answer, file.path(folder, "calibration.json"), auto_unbox = TRUE, digits = NA, pretty = TRUE)
