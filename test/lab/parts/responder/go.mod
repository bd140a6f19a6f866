module netdoctor.example/lab/responder

go 1.26.0
