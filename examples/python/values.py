"""Values are bound to parameters; they are never part of the text.

Prints:
    [("O'Hara", datetime.date(2024, 2, 29), [1, 2])]
    3
"""

import datetime

import weir

print(weir.sql("SELECT :name AS name, $day AS day, :numbers AS numbers", name="O'Hara", day=datetime.date(2024, 2, 29), numbers=[1, 2]).rows())
print(weir.sql("SELECT $1 + $2", 1, 2).item())
