"""A function and an aggregate written in Python, used by SQL.

Prints:
    [('LYON',), ('OSLO',)]
    [('a', 6.0), ('b', 5.0)]
"""

import math

import weir
from weir import udf


@udf.udf(["VARCHAR"], "VARCHAR", by="row")
def loud(text):
    return text.upper()


@udf.udaf(["DOUBLE"], "DOUBLE", by="row")
class geomean:
    def __init__(self):
        self.logs = 0.0
        self.count = 0

    def update(self, value):
        self.logs += math.log(value)
        self.count += 1

    def merge(self, other):
        self.logs += other.logs
        self.count += other.count

    def evaluate(self):
        return round(math.exp(self.logs / self.count), 6) if self.count else None


print(weir.sql("SELECT loud(city) FROM (VALUES ('Lyon'), ('Oslo')) t(city)").rows())
print(weir.sql("SELECT k, geomean(v) FROM (VALUES ('a', 4), ('a', 9), ('b', 5)) t(k, v) GROUP BY k ORDER BY k").rows())
