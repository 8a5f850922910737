-- The patient store as version 1 wrote it, with one patient.
PRAGMA application_id=1212367699;
PRAGMA user_version=1;
CREATE TABLE patients (id VARCHAR(32) NOT NULL, pseudonym VARCHAR(64) NOT NULL, pseudonym_key VARCHAR(128) NOT NULL, sex VARCHAR(8), age_years DOUBLE, height_m DOUBLE, weight_kg DOUBLE, simulated BOOLEAN NOT NULL, secret BLOB NOT NULL, created_at VARCHAR(32) NOT NULL, updated_at VARCHAR(32) NOT NULL, PRIMARY KEY (id), UNIQUE (pseudonym_key));
CREATE INDEX ix_patients_updated_at ON patients (updated_at);
CREATE TABLE audit (id INTEGER NOT NULL, at VARCHAR(32) NOT NULL, actor VARCHAR(128) NOT NULL, action VARCHAR(32) NOT NULL, patient_id VARCHAR(32) NOT NULL, study_id VARCHAR(32), detail TEXT NOT NULL, changes JSON NOT NULL, PRIMARY KEY (id));
CREATE INDEX ix_audit_patient_id ON audit (patient_id);
CREATE TABLE studies (id VARCHAR(32) NOT NULL, patient_id VARCHAR(32) NOT NULL, study_date VARCHAR(10), date_is_shifted BOOLEAN NOT NULL, modality VARCHAR(16) NOT NULL, description TEXT NOT NULL, phase VARCHAR(32), warnings JSON NOT NULL, simulated BOOLEAN NOT NULL, shape JSON NOT NULL, dtype VARCHAR(8) NOT NULL, affine JSON NOT NULL, volume_bytes INTEGER NOT NULL, volume_crc32 INTEGER NOT NULL, n_dicom_files INTEGER NOT NULL, segmentation_id VARCHAR(32), created_at VARCHAR(32) NOT NULL, PRIMARY KEY (id), FOREIGN KEY(patient_id) REFERENCES patients (id) ON DELETE CASCADE);
CREATE INDEX ix_studies_patient_id ON studies (patient_id);
CREATE TABLE dicom_files (study_id VARCHAR(32) NOT NULL, position INTEGER NOT NULL, n_bytes INTEGER NOT NULL, crc32 INTEGER NOT NULL, PRIMARY KEY (study_id, position), FOREIGN KEY(study_id) REFERENCES studies (id) ON DELETE CASCADE);
CREATE TABLE levels (id INTEGER NOT NULL, study_id VARCHAR(32) NOT NULL, state VARCHAR(16) NOT NULL, location JSON NOT NULL, n_warnings INTEGER NOT NULL, actor VARCHAR(128) NOT NULL, at VARCHAR(32) NOT NULL, PRIMARY KEY (id), FOREIGN KEY(study_id) REFERENCES studies (id) ON DELETE CASCADE);
CREATE INDEX ix_levels_study_id ON levels (study_id);
CREATE TABLE segmentations (id VARCHAR(32) NOT NULL, study_id VARCHAR(32) NOT NULL, revision INTEGER NOT NULL, parent_id VARCHAR(32), state VARCHAR(16) NOT NULL, note TEXT NOT NULL, method VARCHAR(64) NOT NULL, warnings JSON NOT NULL, first_slice INTEGER NOT NULL, slice_index INTEGER NOT NULL, structures JSON NOT NULL, shape JSON NOT NULL, file_bytes INTEGER NOT NULL, file_blake2 VARCHAR(32) NOT NULL, actor VARCHAR(128) NOT NULL, at VARCHAR(32) NOT NULL, PRIMARY KEY (id), FOREIGN KEY(study_id) REFERENCES studies (id) ON DELETE CASCADE);
CREATE UNIQUE INDEX one_revision ON segmentations (study_id, revision);
CREATE TABLE measures (id INTEGER NOT NULL, study_id VARCHAR(32) NOT NULL, segmentation_id VARCHAR(32), sex VARCHAR(8), height_m DOUBLE, "values" JSON NOT NULL, actor VARCHAR(128) NOT NULL, at VARCHAR(32) NOT NULL, PRIMARY KEY (id), FOREIGN KEY(study_id) REFERENCES studies (id) ON DELETE CASCADE);
CREATE INDEX ix_measures_study_id ON measures (study_id);
INSERT INTO patients VALUES('7f0c','kept','kept','female',61.0,1.64,NULL,0,x'00112233445566778899aabbccddeeff','2025-03-01T08:00:00.000000+00:00','2025-03-01T08:00:00.000000+00:00');
