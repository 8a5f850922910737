"""Reading and writing: DICOM, NIfTI, ultrasound, archives, de-identification, export."""
