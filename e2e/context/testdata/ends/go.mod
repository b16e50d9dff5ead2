module ends

go 1.25
