module netdoctor.example/lab/flannel-cni

go 1.26.0
