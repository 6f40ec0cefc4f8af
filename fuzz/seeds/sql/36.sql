CREATE SOURCE s (ts timestamp, WATERMARK FOR ts AS ts - INTERVAL '5 seconds') WITH (connector = 'kafka', properties.topic = 't')
