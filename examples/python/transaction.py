"""A transaction that is undone when something goes wrong in it, and one that is kept.

Prints:
    undone: the accounts hold 100 and 0
    kept: the accounts hold 70 and 30
"""

import weir

with weir.connect() as db:
    db.execute("create table accounts (name text primary key, amount int check (amount >= 0))")
    db.executemany("insert into accounts values ($1, $2)", [("ann", 100), ("bob", 0)])

    def move(amount):
        with db.begin():
            db.execute("update accounts set amount = amount + $1 where name = 'bob'", [amount])
            db.execute("update accounts set amount = amount - $1 where name = 'ann'", [amount])

    for amount, word in ((200, "undone"), (30, "kept")):
        try:
            move(amount)
        except weir.IntegrityError:
            pass
        ann, bob = (row[0] for row in db.sql("select amount from accounts order by name").rows())
        print(f"{word}: the accounts hold {ann} and {bob}")
