CREATE TABLE countries (code TEXT PRIMARY KEY, name TEXT, continent TEXT);
CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT, country TEXT);
CREATE TABLE orders (order_id INTEGER PRIMARY KEY, customer_id INTEGER, ordered_on DATE, amount DOUBLE, status TEXT, tenant TEXT);
CREATE TABLE order_lines (order_id INTEGER, line INTEGER, product TEXT, quantity INTEGER, PRIMARY KEY (order_id, line));
CREATE TABLE returned (return_id INTEGER PRIMARY KEY, customer_id INTEGER, returned_on DATE, amount DOUBLE);
INSERT INTO countries VALUES ('DE', 'Germany', 'Europe'), ('FR', 'France', 'Europe'), ('JP', 'Japan', 'Asia');
INSERT INTO customers VALUES (1, 'Ada', 'DE'), (2, 'Bob', 'DE'), (3, 'Cleo', 'FR'), (4, 'Dai', 'JP'), (5, 'Eve', NULL);
INSERT INTO orders VALUES
  (1, 1, '2023-01-10', 100, 'paid', 'a'), (2, 1, '2023-03-05', 50, 'open', 'a'), (3, 2, '2023-12-31', 70, 'paid', 'a'),
  (4, 3, '2024-01-15', 200, 'paid', 'a'), (5, 1, '2024-01-20', 30, 'paid', 'b'), (6, 2, '2024-03-01', 20, 'open', 'b'),
  (7, 5, '2024-03-31', 10, 'paid', 'b'), (8, NULL, '2024-04-02', 5, 'paid', 'b');
INSERT INTO order_lines VALUES
  (1, 1, 'pen', 2), (1, 2, 'ink', 1), (2, 1, 'pen', 5), (3, 1, 'ink', 7), (4, 1, 'pen', 1), (4, 2, 'ink', 1), (4, 3, 'cup', 1),
  (5, 1, 'cup', 3), (6, 1, 'pen', 2), (7, 1, 'ink', 1), (8, 1, 'pen', 1);
INSERT INTO returned VALUES
  (1, 1, '2023-02-01', 10), (2, 1, '2024-01-25', 5), (3, 1, '2024-02-10', 5), (4, 4, '2024-03-10', 40), (5, NULL, '2024-04-03', 1);
