module example.com/wholeness

go 1.25.0
