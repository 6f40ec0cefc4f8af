"""What an error knows: code, place, hint, and text to paste.

Prints:
    W1203 42703
    customer
    select customer from orders
"""

import weir

weir.execute("create table orders (id int, customer text)")
try:
    weir.sql("select custmer from orders").rows()
except weir.ProgrammingError as error:
    print(error.code, error.sqlstate)
    print(error.candidates[0])
    print(error.fix)
