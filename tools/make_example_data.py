#!/usr/bin/env python3
"""Makes examples/data: a small shop as CSV, JSON lines and Parquet, always the same (fixed seed).

Needs build/weir for the Parquet file. payments.csv is dirty on purpose: two lines miss a field, one amount is no number.
"""
import csv
import datetime
import json
import pathlib
import random
import subprocess

ROOT = pathlib.Path(__file__).resolve().parent.parent
OUT = ROOT / "examples" / "data"
rng = random.Random(20260101)

CITIES = ["Berlin", "Lyon", "Porto", "Gent", "Turin", "Graz", "Malmö", "Kraków", "Zürich", "Cork"]
CATEGORIES = {"kitchen": ["kettle", "pan", "knife", "scale", "grinder"], "garden": ["spade", "hose", "seeds", "gloves"],
              "office": ["lamp", "chair", "desk", "notebook", "pen"], "outdoor": ["tent", "stove", "rope", "bottle"]}
COLOURS = ["red", "blue", "green", "black", "white", "oak", "steel"]


def products():
    rows = []
    for number in range(1, 201):
        category = rng.choice(list(CATEGORIES))
        name = f"{rng.choice(COLOURS)} {rng.choice(CATEGORIES[category])}"
        rows.append([number, name, category, f"{rng.uniform(2, 180):.2f}", rng.random() < 0.9])
    return rows


def orders(items):
    start = datetime.datetime(2025, 1, 1)
    for number in range(1, 20001):
        moment = start + datetime.timedelta(seconds=int(number * 1577 + rng.uniform(0, 1500)))
        product = items[min(int(rng.expovariate(1 / 40)), len(items) - 1)]
        quantity = rng.choice([1, 1, 1, 2, 2, 3, 5, 10])
        discount = rng.choice(["0", "0", "0", "0.05", "0.1"])
        yield [number, f"C{rng.randint(1, 1500):04d}", product[0], quantity, product[3], discount,
               moment.strftime("%Y-%m-%d %H:%M:%S"), rng.choice(CITIES), rng.choice(["new", "paid", "paid", "shipped", "shipped", "returned"])]


def events():
    moment = datetime.datetime(2025, 3, 1, tzinfo=datetime.timezone.utc)
    for number in range(1, 8001):
        moment += datetime.timedelta(milliseconds=rng.randint(10, 4000))
        event = {"id": number, "ts": moment.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z",
                 "user": {"id": f"C{rng.randint(1, 1500):04d}", "agent": rng.choice(["app", "web", "web", "api"])},
                 "kind": rng.choice(["view", "view", "view", "search", "cart", "buy"]),
                 "tags": rng.sample(["sale", "new", "gift", "bulk", "eco"], rng.randint(0, 3))}
        if event["kind"] == "search":
            event["query"] = rng.choice(["tent", "kettle \"small\"", "desk lamp", "größe L", "rope, 10 m"])
        if event["kind"] == "buy":
            event["amount"] = round(rng.uniform(3, 400), 2)
        yield event


def payments():
    for number in range(1, 301):
        yield f"{number},{rng.randint(1, 20000)},{rng.uniform(5, 500):.2f},{rng.choice(['card', 'transfer', 'cash'])}"


def main():
    OUT.mkdir(parents=True, exist_ok=True)
    items = products()
    with open(OUT / "orders.csv", "w", newline="") as f:
        writer = csv.writer(f, lineterminator="\n")
        writer.writerow("order_id customer_id product_id quantity price discount ordered_at city status".split())
        writer.writerows(orders(items))
    with open(OUT / "events.jsonl", "w") as f:
        for event in events():
            f.write(json.dumps(event, ensure_ascii=False, separators=(",", ":")) + "\n")
    lines = list(payments())
    lines[41] = "42,77"
    lines[99] = "100,1234,12.5o,card"
    lines[230] = "231,90"
    (OUT / "payments.csv").write_text("payment_id,order_id,amount,method\n" + "\n".join(lines) + "\n")
    with open(OUT / "products.csv", "w", newline="") as f:
        writer = csv.writer(f, lineterminator="\n")
        writer.writerow("product_id name category price in_stock".split())
        writer.writerows(items)
    sql = (f"COPY (SELECT product_id, name, category, CAST(price AS DECIMAL(8,2)) AS price, in_stock FROM "
           f"read_csv('{OUT}/products.csv', all_varchar => false)) TO '{OUT}/products.parquet' (FORMAT parquet)")
    subprocess.run([str(ROOT / "build" / "weir"), "-c", sql], check=True)
    (OUT / "products.csv").unlink()


main()
