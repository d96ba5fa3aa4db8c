"""A web shop's database of twelve tables that Splashdown did not make, on MariaDB and PostgreSQL.

It has what old schemas have: autoincrement ids, foreign keys, a second unique key, a generated column, triggers, a
table in utf8mb3, 0000-00-00, ENUM, FLOAT, CHAR, and a table without an id.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Engine, create_engine, inspect, make_url

from models.existing.definition import forget_existing_models

# On MariaDB a schema is a database beside the others: each process of the tests has its own.
_OURS = make_url(os.environ.get("TEST_MARIADB_URL", "mysql://127.0.0.1/splashdown_test")).database
SCHEMA = f"{_OURS}_webshop"
TABLES = (
    "brand",
    "category",
    "vendor",
    "warehouse",
    "product",
    "product_image",
    "stock",
    "price_log",
    "customer",
    "purchase",
    "purchase_line",
    "audit",
)

_MARIADB = """
CREATE TABLE brand (id INT UNSIGNED AUTO_INCREMENT PRIMARY KEY, name VARCHAR(40) NOT NULL UNIQUE)
    DEFAULT CHARSET utf8mb3;
CREATE TABLE category (id INT UNSIGNED AUTO_INCREMENT PRIMARY KEY, slug VARCHAR(40) NOT NULL UNIQUE,
    name VARCHAR(80), parent_id INT UNSIGNED,
    CONSTRAINT in_category FOREIGN KEY (parent_id) REFERENCES category (id)) DEFAULT CHARSET utf8mb3;
CREATE TABLE vendor (id INT AUTO_INCREMENT PRIMARY KEY, name VARCHAR(40) NOT NULL);
CREATE TABLE warehouse (code CHAR(4) PRIMARY KEY, city VARCHAR(40));
CREATE TABLE product (id INT UNSIGNED AUTO_INCREMENT PRIMARY KEY,
    sku VARCHAR(20) CHARACTER SET utf8mb3 COLLATE utf8mb3_general_ci NOT NULL, ean CHAR(13),
    name VARCHAR(60) CHARACTER SET utf8mb3 NOT NULL, unit_price DECIMAL(10,2) NOT NULL,
    gross DECIMAL(12,4) GENERATED ALWAYS AS (unit_price * 1.19) STORED,
    brand_id INT UNSIGNED, category_id INT UNSIGNED, vendor_id INT NOT NULL DEFAULT 1, weight FLOAT,
    status ENUM('active', 'discontinued') NOT NULL DEFAULT 'active', in_stock TINYINT(1),
    released DATE NOT NULL DEFAULT '0000-00-00', notes TEXT, views INT UNSIGNED NOT NULL DEFAULT 0,
    updated TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP,
    UNIQUE KEY by_sku (sku), UNIQUE KEY by_ean (ean),
    FOREIGN KEY (brand_id) REFERENCES brand (id), FOREIGN KEY (category_id) REFERENCES category (id),
    FOREIGN KEY (vendor_id) REFERENCES vendor (id)) DEFAULT CHARSET utf8mb3;
CREATE TABLE product_image (id BIGINT AUTO_INCREMENT PRIMARY KEY, product_id INT UNSIGNED NOT NULL,
    url VARCHAR(200) NOT NULL, UNIQUE KEY one (product_id, url),
    FOREIGN KEY (product_id) REFERENCES product (id) ON DELETE CASCADE);
CREATE TABLE stock (product_id INT UNSIGNED NOT NULL, warehouse_code CHAR(4) NOT NULL, pieces MEDIUMINT UNSIGNED,
    PRIMARY KEY (product_id, warehouse_code), FOREIGN KEY (product_id) REFERENCES product (id),
    FOREIGN KEY (warehouse_code) REFERENCES warehouse (code));
CREATE TABLE price_log (id INT AUTO_INCREMENT PRIMARY KEY, product_id INT UNSIGNED, old DECIMAL(10,2),
    new DECIMAL(10,2));
CREATE TABLE customer (id INT AUTO_INCREMENT PRIMARY KEY, mail VARCHAR(80) NOT NULL);
CREATE TABLE purchase (id INT AUTO_INCREMENT PRIMARY KEY, customer_id INT,
    FOREIGN KEY (customer_id) REFERENCES customer (id));
CREATE TABLE purchase_line (purchase_id INT, product_id INT UNSIGNED, pieces INT, PRIMARY KEY (purchase_id, product_id),
    FOREIGN KEY (purchase_id) REFERENCES purchase (id), FOREIGN KEY (product_id) REFERENCES product (id));
CREATE TABLE audit (id INT AUTO_INCREMENT PRIMARY KEY, what VARCHAR(10), sku VARCHAR(20));
CREATE TRIGGER product_written BEFORE INSERT ON product FOR EACH ROW
    SET NEW.name = CONCAT(UPPER(LEFT(NEW.name, 1)), SUBSTRING(NEW.name, 2));
CREATE TRIGGER product_inserted AFTER INSERT ON product FOR EACH ROW
    INSERT INTO audit (what, sku) VALUES ('insert', NEW.sku);
CREATE TRIGGER product_changing BEFORE UPDATE ON product FOR EACH ROW
    SET NEW.name = CONCAT(UPPER(LEFT(NEW.name, 1)), SUBSTRING(NEW.name, 2));
CREATE TRIGGER product_changed AFTER UPDATE ON product FOR EACH ROW
    INSERT INTO audit (what, sku) VALUES ('update', NEW.sku);
CREATE TRIGGER price_changed AFTER UPDATE ON product FOR EACH ROW
    INSERT INTO price_log (product_id, old, new) VALUES (NEW.id, OLD.unit_price, NEW.unit_price);
"""

_POSTGRESQL = """
CREATE TYPE product_status AS ENUM ('active', 'discontinued');
CREATE DOMAIN notes_text AS TEXT CHECK (LENGTH(VALUE) < 5000);
CREATE TABLE brand (id SERIAL PRIMARY KEY, name VARCHAR(40) NOT NULL UNIQUE);
CREATE TABLE category (id INT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, slug VARCHAR(40) NOT NULL UNIQUE,
    name VARCHAR(80), parent_id INT REFERENCES category (id));
CREATE TABLE vendor (id SERIAL PRIMARY KEY, name VARCHAR(40) NOT NULL);
CREATE TABLE warehouse (code CHAR(4) PRIMARY KEY, city VARCHAR(40));
CREATE TABLE product (id SERIAL PRIMARY KEY, sku VARCHAR(20) NOT NULL, ean CHAR(13), name VARCHAR(60) NOT NULL,
    unit_price NUMERIC(10,2) NOT NULL, gross NUMERIC GENERATED ALWAYS AS (unit_price * 1.19) STORED,
    brand_id INT REFERENCES brand (id), category_id INT REFERENCES category (id),
    vendor_id INT NOT NULL DEFAULT 1 REFERENCES vendor (id), weight REAL,
    status product_status NOT NULL DEFAULT 'active', in_stock BOOLEAN, released DATE, notes notes_text,
    views INT NOT NULL DEFAULT 0 CHECK (views >= 0), updated TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
    CONSTRAINT by_sku UNIQUE (sku), CONSTRAINT by_ean UNIQUE (ean));
CREATE TABLE product_image (id BIGSERIAL PRIMARY KEY, product_id INT NOT NULL REFERENCES product (id) ON DELETE CASCADE,
    url VARCHAR(200) NOT NULL, UNIQUE (product_id, url));
CREATE TABLE stock (product_id INT NOT NULL REFERENCES product (id),
    warehouse_code CHAR(4) NOT NULL REFERENCES warehouse (code), pieces INT, PRIMARY KEY (product_id, warehouse_code));
CREATE TABLE price_log (id SERIAL PRIMARY KEY, product_id INT, old NUMERIC(10,2), new NUMERIC(10,2));
CREATE TABLE customer (id SERIAL PRIMARY KEY, mail VARCHAR(80) NOT NULL);
CREATE TABLE purchase (id SERIAL PRIMARY KEY, customer_id INT REFERENCES customer (id));
CREATE TABLE purchase_line (purchase_id INT REFERENCES purchase (id), product_id INT REFERENCES product (id),
    pieces INT, PRIMARY KEY (purchase_id, product_id));
CREATE TABLE audit (id SERIAL PRIMARY KEY, what VARCHAR(10), sku VARCHAR(20));
CREATE FUNCTION product_written() RETURNS TRIGGER LANGUAGE plpgsql AS
    $$ BEGIN NEW.name = UPPER(LEFT(NEW.name, 1)) || SUBSTRING(NEW.name, 2);
    NEW.updated = CLOCK_TIMESTAMP(); RETURN NEW; END $$;
CREATE FUNCTION product_logged() RETURNS TRIGGER LANGUAGE plpgsql AS
    $$ BEGIN INSERT INTO SCHEMA.audit (what, sku) VALUES (LOWER(TG_OP), NEW.sku);
    IF TG_OP = 'UPDATE' THEN
        INSERT INTO SCHEMA.price_log (product_id, old, new) VALUES (NEW.id, OLD.unit_price, NEW.unit_price);
    END IF; RETURN NEW; END $$;
CREATE TRIGGER product_written BEFORE INSERT OR UPDATE ON product FOR EACH ROW EXECUTE FUNCTION product_written();
CREATE TRIGGER product_logged AFTER INSERT OR UPDATE ON product FOR EACH ROW EXECUTE FUNCTION product_logged();
"""

_ROWS = """
INSERT INTO vendor (name) VALUES ('Ourselves');
INSERT INTO brand (name) VALUES ('Acme'), ('Umbrella');
INSERT INTO category (slug, name) VALUES ('books', 'Books'), ('toys', 'Toys');
INSERT INTO warehouse (code, city) VALUES ('N', 'Oslo'), ('S', 'Rome');
INSERT INTO product (sku, ean, name, unit_price, brand_id, category_id, status, views, notes)
    VALUES ('A1', '4000000000001', 'Anvil', 10.00, 1, 1, 'active', 77, 'ours'),
        ('OWN', NULL, 'Only ours', 5, 1, 1, 'active', 3, 'x');
INSERT INTO customer (mail) VALUES ('a@shop.example');
INSERT INTO purchase (customer_id) VALUES (1);
INSERT INTO purchase_line (purchase_id, product_id, pieces) VALUES (1, 1, 2);
"""


@contextmanager
def webshop(engine: Engine) -> Iterator[str]:
    """Make the database of the shop beside ours and yield the name of its schema; drop it at the end."""
    mariadb = engine.dialect.name in ("mysql", "mariadb")
    _drop(engine)
    with engine.begin() as connection:
        connection.exec_driver_sql(f"CREATE SCHEMA {SCHEMA}")
    try:
        shop = create_engine(engine.url)  # not ours: its sessions accept 0000-00-00
        with shop.begin() as connection:
            if mariadb:
                connection.exec_driver_sql("SET SESSION sql_mode = ''")
            connection.exec_driver_sql(f"USE {SCHEMA}" if mariadb else f"SET search_path TO {SCHEMA}")
            script = (_MARIADB if mariadb else _POSTGRESQL) + _ROWS
            for statement in _statements(script.replace("SCHEMA.", f"{SCHEMA}.")):
                connection.exec_driver_sql(statement)
        shop.dispose()
        yield SCHEMA
    finally:
        _drop(engine)


def _statements(script: str) -> list[str]:
    """Return the statements of the script; a function's body has semicolons of its own."""
    statements: list[str] = []
    for part in script.split(";\n"):
        if statements and statements[-1].count("$$") % 2:
            statements[-1] += ";\n" + part
        elif part.strip():
            statements.append(part)
    return [statement.replace("%", "%%") for statement in statements]


def _drop(engine: Engine) -> None:
    """Drop the shop's schema and our tables for it, and forget the definitions of existing tables."""
    forget_existing_models()
    names = [name for name in inspect(engine).get_table_names() if name.startswith(f"{SCHEMA}_")]
    with engine.begin() as connection:
        cascade = "" if engine.dialect.name in ("mysql", "mariadb") else " CASCADE"
        for name in names:
            connection.exec_driver_sql(f"DROP TABLE IF EXISTS {name}")
        connection.exec_driver_sql(f"DROP SCHEMA IF EXISTS {SCHEMA}{cascade}")


def structure(engine: Engine) -> dict[str, str]:
    """Return the definition of each table and trigger of the shop, as the database prints it."""
    with engine.connect() as connection:
        if engine.dialect.name in ("mysql", "mariadb"):
            found = {
                name: str(connection.exec_driver_sql(f"SHOW CREATE TABLE {SCHEMA}.{name}").one()[1])
                for name in TABLES
            }
            triggers = connection.exec_driver_sql(f"SHOW TRIGGERS FROM {SCHEMA}").all()
            # AUTO_INCREMENT= is the next id.
            return {name: _without_next_id(sql) for name, sql in found.items()} | {
                str(row[0]): str(row[1:5]) for row in triggers
            }
        columns = connection.exec_driver_sql(
            "SELECT table_name, STRING_AGG(column_name || ' ' || data_type || ' ' || COALESCE(column_default, '') "
            "|| ' ' || is_nullable || ' ' || is_generated, ', ' ORDER BY ordinal_position) "
            f"FROM information_schema.columns WHERE table_schema = '{SCHEMA}' GROUP BY table_name"
        ).all()
        constraints = connection.exec_driver_sql(
            "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint "
            f"WHERE connamespace = '{SCHEMA}'::regnamespace"
        ).all()
        triggers = connection.exec_driver_sql(
            "SELECT tgname, pg_get_triggerdef(oid) FROM pg_trigger "
            f"WHERE NOT tgisinternal AND tgrelid::regclass::text LIKE '{SCHEMA}.%%'"
        ).all()
        return {str(name): str(sql) for name, sql in (*columns, *constraints, *triggers)}


def _without_next_id(sql: str) -> str:
    return " ".join(part for part in sql.split() if not part.startswith("AUTO_INCREMENT="))
