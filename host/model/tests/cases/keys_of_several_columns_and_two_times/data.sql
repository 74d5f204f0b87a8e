CREATE TABLE plants (country TEXT, number INTEGER, site TEXT);
CREATE TABLE readings (land TEXT, plant INTEGER, taken DATE, billed DATE, unit TEXT, value INTEGER);
INSERT INTO plants VALUES ('DE', 1, 'Ulm'), ('DE', 2, 'Hof'), ('FR', 1, 'Pau');
INSERT INTO readings VALUES
  ('DE', 1, '2024-01-05', '2024-02-01', 'kWh', 5), ('DE', 2, '2024-01-06', '2024-02-01', 'MWh
', 1), ('FR', 1, '2024-02-07', '2024-03-01', 'kWh', 7),
  ('DE', 1, '2024-02-08', '2024-03-01', 'kWh', 2), ('FR', 2, '2024-02-09', '2024-03-01', 'kWh', 4), (NULL, 1, '2024-02-10', '2024-02-29', 'kWh', 8);
