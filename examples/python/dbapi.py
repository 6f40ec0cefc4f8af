"""The interface of PEP 249.

Prints:
    ['k', 'v']
    (1, 'a')
    [(2, 'b')]
"""

from weir import dbapi

connection = dbapi.connect()
with connection:
    connection.execute("create table t (k int, v text)")
    connection.cursor().executemany("insert into t values (:k, :v)", [{"k": 1, "v": "a"}, {"k": 2, "v": "b"}])
cursor = connection.execute("select * from t order by k")
print([column[0] for column in cursor.description])
print(cursor.fetchone())
print(cursor.fetchall())
connection.close()
