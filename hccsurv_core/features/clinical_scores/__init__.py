"""Scores of liver function and stages of liver cancer from their parts: one file a score.

Every value comes in the unit that its argument's name says. A score whose parts are not all known
is not known either, and says what is missing; a class or stage that what is known already decides
is given and says so. Bounds and formulas stand in each score's definition, with their source.
"""
