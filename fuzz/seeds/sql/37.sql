CREATE SINK k FROM mv WITH (connector = 'file')
