package check

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	"sigs.k8s.io/json"
	"sigs.k8s.io/yaml"
)

const manifests = "../kubernetes/imperio.yaml"

// cluster is what the manifests make.
type cluster struct {
	config   corev1.ConfigMap
	account  corev1.ServiceAccount
	services map[string]*corev1.Service
	set      appsv1.StatefulSet
	budget   policyv1.PodDisruptionBudget
	network  networkingv1.NetworkPolicy
}

// decoded reads manifests as strictly as the API server does with --validate=strict: fields that are unknown or occur twice, and
// values of another type, are errors.
func decoded(text []byte) (*cluster, error) {
	c := &cluster{services: make(map[string]*corev1.Service)}
	for i, document := range bytes.Split(text, []byte("\n---\n")) {
		var kind struct{ APIVersion, Kind string }
		if err := yaml.Unmarshal(document, &kind); err != nil {
			return nil, err
		}
		var into any
		switch kind.APIVersion + " " + kind.Kind {
		case "v1 ConfigMap":
			into = &c.config
		case "v1 ServiceAccount":
			into = &c.account
		case "v1 Service":
			into = &corev1.Service{}
		case "apps/v1 StatefulSet":
			into = &c.set
		case "policy/v1 PodDisruptionBudget":
			into = &c.budget
		case "networking.k8s.io/v1 NetworkPolicy":
			into = &c.network
		default:
			return nil, fmt.Errorf("document %d is of an unknown kind: %s %s", i, kind.APIVersion, kind.Kind)
		}
		text, err := yaml.YAMLToJSONStrict(document)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", kind.Kind, err)
		}
		// The API server's own decoder: unlike Go's, it tells upper from lower case.
		unknown, err := json.UnmarshalStrict(text, into)
		if err := errors.Join(append(unknown, err)...); err != nil {
			return nil, fmt.Errorf("%s: %w", kind.Kind, err)
		}
		if service, ok := into.(*corev1.Service); ok {
			c.services[service.Name] = service
		}
	}
	return c, c.consistent()
}

// consistent says whether what refers to another thing finds it: names, ports, labels and volumes, which no type checks.
func (c *cluster) consistent() error {
	var problems []error
	problem := func(format string, args ...any) { problems = append(problems, fmt.Errorf(format, args...)) }
	template := c.set.Spec.Template
	if len(template.Spec.Containers) != 1 {
		return errors.New("there is not one container")
	}
	casino := template.Spec.Containers[0]
	selects := func(what string, selector map[string]string) {
		for name, value := range selector {
			if template.Labels[name] != value {
				problem("%s selects %s=%s, which the pods don't have", what, name, value)
			}
		}
		if len(selector) == 0 {
			problem("%s selects everything", what)
		}
	}
	selects("the set", c.set.Spec.Selector.MatchLabels)
	selects("the budget", c.budget.Spec.Selector.MatchLabels)
	selects("the network policy", c.network.Spec.PodSelector.MatchLabels)
	port := func(what, name string) {
		if !slices.ContainsFunc(casino.Ports, func(p corev1.ContainerPort) bool { return p.Name == name }) {
			problem("%s leads to the port %q, which the container doesn't have", what, name)
		}
	}
	for name, service := range c.services {
		selects("the service "+name, service.Spec.Selector)
		for _, p := range service.Spec.Ports {
			port("the service "+name, p.TargetPort.String())
		}
	}
	for _, rule := range c.network.Spec.Ingress {
		for _, p := range rule.Ports {
			port("the network policy", p.Port.String())
		}
	}
	for what, probe := range map[string]*corev1.Probe{"startup": casino.StartupProbe, "liveness": casino.LivenessProbe, "readiness": casino.ReadinessProbe} {
		if probe == nil || probe.HTTPGet == nil {
			problem("there is no %s probe", what)
			continue
		}
		port("the "+what+" probe", probe.HTTPGet.Port.String())
	}
	if nodes := c.services[c.set.Spec.ServiceName]; nodes == nil || nodes.Spec.ClusterIP != corev1.ClusterIPNone {
		problem("the set's service %q is not headless", c.set.Spec.ServiceName)
	}
	if template.Spec.ServiceAccountName != c.account.Name {
		problem("there is no service account %q", template.Spec.ServiceAccountName)
	}
	for _, from := range casino.EnvFrom {
		if from.ConfigMapRef == nil || from.ConfigMapRef.Name != c.config.Name {
			problem("the environment comes from what isn't there: %v", from)
		}
	}
	for _, mount := range casino.VolumeMounts {
		claimed := slices.ContainsFunc(c.set.Spec.VolumeClaimTemplates, func(v corev1.PersistentVolumeClaim) bool { return v.Name == mount.Name })
		if !claimed && !slices.ContainsFunc(template.Spec.Volumes, func(v corev1.Volume) bool { return v.Name == mount.Name }) {
			problem("there is no volume %q", mount.Name)
		}
	}
	return errors.Join(problems...)
}

func TestKubernetes_KnowsEveryField(t *testing.T) {
	text := read(t, manifests)
	if _, err := decoded(text); err != nil {
		t.Error(err)
	}
	for _, fault := range [][2]string{
		{"replicas: 1", "replica: 1"}, {"replicas: 1", "replicas: one"}, {"httpGet: {path: /health/live", "httpGet: {url: /health/live"},
		{"enableServiceLinks", "enableServiceLink"}, {"readOnlyRootFilesystem", "readOnlyRootFileSystem"}, {"kind: StatefulSet", "kind: StatefulSets"},
		{"{name: ops, containerPort: 9190}", "{name: metrics, containerPort: 9190}"}, {"{name: casino, mountPath: /data}", "{name: data, mountPath: /data}"},
		{"maxUnavailable: 1", "maxUnavailable: 1\n  maxUnavailable: 2"}, {"clusterIP: None", "type: ClusterIP"},
		{"serviceAccountName: imperio", "serviceAccountName: casino"},
		{"  selector: {app.kubernetes.io/name: imperio}", "  selector: {app.kubernetes.io/name: casino}"},
	} {
		if _, err := decoded(replaced(t, text, fault[0], fault[1])); err == nil {
			t.Errorf("%q in place of %q is not found", fault[1], fault[0])
		}
	}
}

func TestKubernetes_ConfiguresTheCasino(t *testing.T) {
	c, err := decoded(read(t, manifests))
	if err != nil {
		t.Fatal(err)
	}
	casino := c.set.Spec.Template.Spec.Containers[0]
	environ := imageOf(t).environ()
	delete(environ, "IMPERIO_DATA_DIR")
	for name, value := range c.config.Data {
		environ[name] = value
	}
	for _, v := range casino.Env {
		environ[v.Name] = v.Value
		if v.ValueFrom != nil && v.ValueFrom.SecretKeyRef != nil {
			environ[v.Name] = strings.Repeat("0f", 32)
		}
	}
	if out, err := configured(t, environ); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	for name, port := range map[string]string{"IMPERIO_HTTP_ADDR": "http", "IMPERIO_HTTPS_ADDR": "https", "IMPERIO_OPS_ADDR": "ops"} {
		if !slices.ContainsFunc(casino.Ports, func(p corev1.ContainerPort) bool {
			return p.Name == port && fmt.Sprintf(":%d", p.ContainerPort) == environ[name]
		}) {
			t.Errorf("%s is %q, and the port %q another", name, environ[name], port)
		}
	}
	// With service links, Kubernetes would set these for the service imperio.
	environ["IMPERIO_SERVICE_HOST"] = "10.0.0.1"
	if out, err := configured(t, environ); err == nil {
		t.Errorf("an unknown variable is not found:\n%s", out)
	}
}

// Kubernetes' own rules for pods without privileges: the standard "restricted".
func TestKubernetes_ThePodIsRestricted(t *testing.T) {
	c, err := decoded(read(t, manifests))
	if err != nil {
		t.Fatal(err)
	}
	pod, i := c.set.Spec.Template.Spec, imageOf(t)
	casino := pod.Containers[0]
	s := casino.SecurityContext
	switch {
	case !*pod.SecurityContext.RunAsNonRoot, fmt.Sprintf("%d:%d", *pod.SecurityContext.RunAsUser, *pod.SecurityContext.RunAsGroup) != i.user:
		t.Errorf("the pod runs as another user than the image: %+v", pod.SecurityContext)
	case pod.SecurityContext.SeccompProfile.Type != corev1.SeccompProfileTypeRuntimeDefault:
		t.Error("the pod has no filter of system calls")
	case *s.AllowPrivilegeEscalation, !*s.ReadOnlyRootFilesystem, !slices.Equal(s.Capabilities.Drop, []corev1.Capability{"ALL"}), len(s.Capabilities.Add) > 0:
		t.Errorf("the container has rights that it doesn't need: %+v", s)
	case *pod.EnableServiceLinks:
		t.Error("the pod gets variables of services")
	case *c.set.Spec.Replicas != 1:
		t.Error("there are several casinos in place of one")
	}
	for _, volume := range i.volumes {
		if !slices.ContainsFunc(casino.VolumeMounts, func(m corev1.VolumeMount) bool { return m.MountPath == volume }) {
			t.Errorf("there is no volume for %s", volume)
		}
	}
}
