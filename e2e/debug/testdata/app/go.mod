module example.com/app

go 1.25

require go.yaml.in/yaml/v3 v3.0.6
