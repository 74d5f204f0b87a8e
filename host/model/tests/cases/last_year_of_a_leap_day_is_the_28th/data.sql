CREATE TABLE airports (code TEXT, city TEXT);
CREATE TABLE flights (origin TEXT, destination TEXT, left_at TIMESTAMP, "Seats" INTEGER);
INSERT INTO airports VALUES ('TXL', 'Berlin'), ('BER', 'Berlin'), ('HND', 'Tokyo');
INSERT INTO flights VALUES
  ('BER', 'HND', '2023-02-28 08:10:00', 10), ('HND', 'BER', '2024-02-28 08:50:00', 20), ('TXL', 'HND', '2024-02-28 09:00:00', 30),
  ('BER', 'TXL', '2024-02-29 23:59:59', 40), ('HND', 'HND', '2024-03-01 00:00:00', 50);
