COPY t (a) FROM 'f.csv'(format = csv, header)
