// Package check checks the recipes for containers: compose.yaml against the schema of the Compose specification, the manifests
// against the types of Kubernetes' API, the configuration in both against the program, and the Dockerfile by following it. No
// container engine and no Kubernetes runs here. It is a module of its own: nothing of Kubernetes becomes part of Imperio. `make
// recipes` runs it.
package check
