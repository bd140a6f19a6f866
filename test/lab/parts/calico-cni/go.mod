module netdoctor.example/lab/calico-cni

go 1.26.0
