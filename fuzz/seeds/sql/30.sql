SELECT list_transform(l, lambda x: x + 1), list_reduce(l, lambda a, b: a + b), [x * 2 FOR x IN l IF x > 1]
