"""The sources of the Nexmark queries: generated in the process, one source per kind of event or one for all, or read from
files both engines read."""

COLUMNS = {
    "person": [("id", "BIGINT"), ("name", "VARCHAR"), ("emailAddress", "VARCHAR"), ("creditCard", "VARCHAR"),
               ("city", "VARCHAR"), ("state", "VARCHAR"), ("dateTime", "TIMESTAMP"), ("extra", "VARCHAR")],
    "auction": [("id", "BIGINT"), ("itemName", "VARCHAR"), ("description", "VARCHAR"), ("initialBid", "BIGINT"),
                ("reserve", "BIGINT"), ("dateTime", "TIMESTAMP"), ("expires", "TIMESTAMP"), ("seller", "BIGINT"),
                ("category", "BIGINT"), ("extra", "VARCHAR")],
    "bid": [("auction", "BIGINT"), ("bidder", "BIGINT"), ("price", "BIGINT"), ("channel", "VARCHAR"), ("url", "VARCHAR"),
            ("dateTime", "TIMESTAMP"), ("extra", "VARCHAR")],
}
WATERMARK = "WATERMARK FOR \"dateTime\" AS \"dateTime\" - INTERVAL '4 seconds'"


def columns_of(kind):
    return ", ".join(f'"{name}" {type_}' for name, type_ in COLUMNS[kind])


def source(kind, options):
    given = ", ".join(f'"{name}" = {value}' for name, value in options.items())
    return f"CREATE SOURCE {kind} ({columns_of(kind)}, {WATERMARK}) WITH ({given});\n"


CLOCKED = "CREATE VIEW clocked_bid AS SELECT *, PROCTIME() AS p_time FROM bid;\n"


def generated(events, **options):
    """Sources of `events` events altogether: each kind has its own and counts the others without making them."""
    return "".join(source(kind, {"connector": "'nexmark'", "table": f"'{kind}'", "events": events, **options})
                   for kind in COLUMNS) + CLOCKED


def of_files(folder):
    """Sources that read <kind>.jsonl of a folder to its end."""
    return "".join(source(kind, {"connector": "'file'", "path": f"'{folder}/{kind}.jsonl'", "format": "'jsonl'",
                                 "bounded": "true"}) for kind in COLUMNS) + CLOCKED


def flink_of_files(folder):
    """The same for Flink, whose VARCHAR is STRING and whose names are quoted otherwise."""
    sql = ""
    for kind, columns in COLUMNS.items():
        names = ", ".join(f"`{name}` " + {"VARCHAR": "STRING", "TIMESTAMP": "TIMESTAMP(3)"}.get(type_, type_)
                          for name, type_ in columns)
        sql += (f"CREATE TABLE {kind} ({names}, WATERMARK FOR `dateTime` AS `dateTime` - INTERVAL '4' SECOND) WITH ("
                f"'connector' = 'filesystem', 'path' = 'file://{folder}/{kind}.jsonl', 'format' = 'json', "
                "'json.timestamp-format.standard' = 'ISO-8601');\n")
    return sql + CLOCKED


def side_input():
    """The table of q13: a text for each key below 10000."""
    return ("CREATE TABLE side_input AS SELECT i AS key, 'value-' || i AS value "
            "FROM generate_series(0, 9999) AS numbers(i);\n")


def one_source(events, **options):
    """One source of all events, as Nexmark defines it: a type and a struct per kind; views take one kind each."""
    structs = ", ".join(f"{kind} STRUCT({columns_of(kind)})" for kind in COLUMNS)
    time = "CASE event_type WHEN 0 THEN (person).\"dateTime\" WHEN 1 THEN (auction).\"dateTime\" ELSE (bid).\"dateTime\" END"
    given = {"connector": "'nexmark'", "events": events, **options}
    text = ", ".join(f'"{name}" = {value}' for name, value in given.items())
    sql = f"CREATE SOURCE event (event_type INTEGER, {structs}, \"dateTime\" TIMESTAMP AS ({time}), {WATERMARK}) WITH ({text});\n"
    for number, kind in enumerate(COLUMNS):
        names = ", ".join('"dateTime"' if name == "dateTime" else f'({kind})."{name}"' for name, _ in COLUMNS[kind])
        sql += f"CREATE VIEW {kind} AS SELECT {names} FROM event WHERE event_type = {number};\n"
    return sql + CLOCKED
