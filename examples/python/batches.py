"""A large result taken batch by batch; each batch is Arrow data for anything that reads it.

Prints:
    1000000 rows, 499999500000
"""

import weir

rows = total = 0
for batch in weir.sql("select i from range(1000000) r(i)").batches():
    rows += batch.num_rows
    total += weir.from_arrow(batch).agg(s=weir.F.sum("i")).item()
print(f"{rows} rows, {total}")
