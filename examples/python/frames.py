"""A query put together step by step, and what it becomes.

Prints:
    [('Lyon', 2, Decimal('13.75')), ('Oslo', 1, Decimal('20.00'))]
    ['city', 'orders', 'total']
"""

import weir
from weir import F, col

orders = weir.sql("FROM (VALUES (1, 'Lyon', 9.50), (2, 'Oslo', 20.00), (3, 'Lyon', 4.25)) AS t(id, city, amount)")
totals = orders.filter(col("amount") > 1).group_by("city").agg(orders=F.count(), total=F.sum("amount")).sort("city")
print(totals.rows())
print(totals.columns)
