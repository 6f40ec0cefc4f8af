CREATE TABLE customers (name TEXT PRIMARY KEY, city TEXT);
CREATE TABLE orders (id INT, customer TEXT, total DOUBLE, placed DATE);
INSERT INTO orders VALUES (1, 'Ann', 9.5, DATE '2024-05-06'), (2, 'Bob', 3, DATE '2024-05-07');
INSERT INTO customers VALUES ('Ann', 'Rome');
CREATE TABLE invoices (id INT, customer TEXT);
CREATE TABLE "order" (id INT);
