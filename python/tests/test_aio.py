"""asyncio: the same names with await, statements side by side, tasks that are cancelled."""

import asyncio
import time

import pytest

import weir
from weir import F, aio

SLOW = "select count(*) from range(100000) a(i), range(100000) b(j) where (i * j) % 7 = 3"


def test_the_same_names_with_await():
    async def main():
        async with aio.connect(threads=2) as db:
            await db.execute("create table t (a int)")
            assert await db.executemany("insert into t values ($1)", [(1,), (2,)]) == 2
            assert await db.sql("select a from t where a > :x order by a", x=0).rows() == [(1,), (2,)]
            assert await db.table("t").agg(s=F.sum("a")).item() == 3
            assert (await db.table("t").group_by("a").count().sort("a").dicts())[0] == {"a": 1, "count": 1}
            assert await db.tables() == ["t"]
            assert [b.num_rows async for b in db.table("t").batches()] == [2]
            assert (await (await db.table("t").with_columns(b=F.abs("a"))).schema())[1] == ("b", "INTEGER")
            with pytest.raises(weir.DataError):
                async with db.begin():
                    await db.execute("insert into t values (3)")
                    await db.sql("select 1 / 0").rows()
            assert await db.table("t").agg(F.count()).item() == 2
            assert await (await db.from_arrow(db.sql("select 5 as x").sync)).item() == 5

    asyncio.run(main())


def test_the_loop_goes_on_and_a_cancelled_task_cancels_its_statement():
    async def main():
        db = aio.connect(threads=1)
        task = asyncio.create_task(db.sql(SLOW).rows())
        ticks = 0
        for _ in range(20):
            await asyncio.sleep(0.01)
            ticks += 1
        task.cancel()
        begin = time.perf_counter()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert ticks == 20 and time.perf_counter() - begin < 5
        assert await db.sql("select 1").item() == 1
        await db.close()

    asyncio.run(main())
