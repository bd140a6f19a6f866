package main

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"time"
)

const account = "/var/run/secrets/kubernetes.io/serviceaccount/"

// API is the cluster's, as a pod reaches it.
type API struct {
	client *http.Client
	server string
}

func inCluster() (*API, error) {
	authority, err := os.ReadFile(account + "ca.crt")
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(authority)
	server := "https://" + net.JoinHostPort(os.Getenv("KUBERNETES_SERVICE_HOST"), os.Getenv("KUBERNETES_SERVICE_PORT"))
	return &API{&http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}}, server}, nil
}

func (api *API) get(path string) (*http.Response, error) {
	token, err := os.ReadFile(account + "token")
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequest(http.MethodGet, api.server+path, nil)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Authorization", "Bearer "+string(token))
	answer, err := api.client.Do(request)
	if err == nil && answer.StatusCode != http.StatusOK {
		answer.Body.Close()
		return nil, fmt.Errorf("%s: %s", path, answer.Status)
	}
	return answer, err
}

type meta interface{ key() string }

func (meta Meta) key() string { return meta.Namespace + "/" + meta.Name }

// list returns objects by namespace/name, and the version to watch from.
func list[Object meta](api *API, path string) (map[string]Object, string, error) {
	answer, err := api.get(path)
	if err != nil {
		return nil, "", err
	}
	defer answer.Body.Close()
	var read struct {
		Metadata struct{ ResourceVersion string }
		Items    []Object
	}
	if err := json.NewDecoder(answer.Body).Decode(&read); err != nil {
		return nil, "", err
	}
	objects := map[string]Object{}
	for _, object := range read.Items {
		objects[object.key()] = object
	}
	return objects, read.Metadata.ResourceVersion, nil
}

// follow reports all objects at a path, again after every change, for ever.
func follow[Object meta](api *API, path string, report func(map[string]Object)) {
	for ; ; time.Sleep(time.Second) {
		objects, version, err := list[Object](api, path)
		if err == nil {
			report(objects)
			err = watch(api, path+"?watch=1&timeoutSeconds=300&resourceVersion="+version, objects, report)
		}
		if err != nil {
			log.Printf("%s: %v", path, err)
		}
	}
}

func watch[Object meta](api *API, path string, objects map[string]Object, report func(map[string]Object)) error {
	answer, err := api.get(path)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	for events := json.NewDecoder(answer.Body); ; report(objects) {
		var event struct {
			Type   string
			Object Object
		}
		if err := events.Decode(&event); err != nil {
			return err
		}
		switch event.Type {
		case "ADDED", "MODIFIED":
			objects[event.Object.key()] = event.Object
		case "DELETED":
			delete(objects, event.Object.key())
		default:
			return fmt.Errorf("watch ended: %s", event.Type)
		}
	}
}
