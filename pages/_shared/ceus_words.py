"""How the numbers of the page CEUS are made, for people."""

from __future__ import annotations

HOW_COMPUTED = """
1. **Frames.** Brightness of the contrast panel is undone to linear intensity over the machine's
   dynamic range: averaging in decibels would be wrong.
2. **Motion.** The lesion's neighborhood is found again in every frame, on the grayscale panel where
   there is one; frames in which it is not found are left out, and you may leave out others.
3. **Curves.** Mean linear intensity of lesion and reference above what was there before the agent.
   A lognormal, a gamma-variate and a random-walk model are fitted to the lesion's; the one with the
   lowest corrected Akaike criterion is kept (Strouthos et al., IEEE Trans Ultrason Ferroelectr Freq
   Control 2010;57:1296-1310). Where that tells clearly more, a share of the reference's curve is part of
   it: a capsule keeps the agent as liver does.
4. **Phases.** Arterial to 30 s, portal venous to 120 s, late to 360 s, as in Huang et al. 2022.
5. **Peak frame.** The usable frame nearest to the peak of the fitted curve, within 360 s; you may
   choose another one.
6. **Recurrence and survival.** Signs and features of the grayscale and the contrast picture at the peak
   frame, with clinical values. Washout in the portal phase is as reported; where nobody reported it, as
   the curves show it from 60 to 120 s. A ridge logistic model of recurrence within a year, a ridge Cox
   model of death, a Fine-Gray model of recurrence; four classes by learned cut-offs (after Huang et
   al., World J Gastrointest Oncol 2022;14(12):2380-2392, doi 10.4251/wjgo.v14.i12.2380).
"""
