CREATE SECRET s (TYPE = s3, key_id = 'x')
