module netdoctor.example/lab/felix

go 1.26.0
