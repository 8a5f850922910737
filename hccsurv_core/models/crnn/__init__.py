"""CNN + LSTM over slices of liver and lungs at two times (Xia et al., Insights Imaging 2024)."""
