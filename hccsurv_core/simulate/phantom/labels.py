"""Names of the structures a simulated scan's truth holds: one label per voxel."""

from __future__ import annotations

#: Structures in the order of their label values, from 1.
STRUCTURES = (
    "skin", "subcutaneous_fat", "visceral_fat", "intermuscular_fat",
    "psoas_left", "psoas_right", "erector_spinae_left", "erector_spinae_right",
    "quadratus_lumborum_left", "quadratus_lumborum_right", "rectus_abdominis_left",
    "rectus_abdominis_right", "lateral_wall_left", "lateral_wall_right", "chest_wall_muscle",
    "iliacus_left", "iliacus_right", "gluteal_muscle", "diaphragm", "pelvic_muscle",
    "vertebra_S2", "vertebra_S1", "vertebra_L6", "vertebra_L5", "vertebra_L4", "vertebra_L3",
    "vertebra_L2", "vertebra_L1", "vertebra_T12", "vertebra_T11", "vertebra_T10", "vertebra_T9",
    "vertebra_T8", "disc", "spinal_canal", "rib", "hip_bone", "femur", "arm_bone", "arm_soft_tissue",
    "liver", "liver_lesion", "spleen", "kidney_left", "kidney_right", "stomach", "pancreas",
    "gallbladder", "small_bowel", "colon", "aorta", "inferior_vena_cava", "vessel", "lung",
    "bladder", "ascites", "metal", "other_soft_tissue",
)  # fmt: skip
LABELS: dict[str, int] = {name: value for value, name in enumerate(STRUCTURES, start=1)}

#: What body composition counts as skeletal muscle at the lumbar levels.
SKELETAL_MUSCLE = (
    "psoas_left", "psoas_right", "erector_spinae_left", "erector_spinae_right",
    "quadratus_lumborum_left", "quadratus_lumborum_right", "rectus_abdominis_left",
    "rectus_abdominis_right", "lateral_wall_left", "lateral_wall_right", "chest_wall_muscle",
    "iliacus_left", "iliacus_right", "gluteal_muscle",
)  # fmt: skip
