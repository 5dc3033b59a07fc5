package cloudrun

import (
	"net"
	"net/http"
	"time"

	"github.com/google/uuid"

	"github.com/gangway-dev/gangway/internal/emulator/googleapi"
)

// serveMetadata serves an instance's metadata until the server is closed:
// https://cloud.google.com/run/docs/container-contract#metadata-server
func (s *Server) serveMetadata(listener net.Listener, r *revision) *http.Server {
	server := &http.Server{Handler: s.metadata(r), ReadHeaderTimeout: 5 * time.Second}
	s.work.Go(func() { _ = server.Serve(listener) }) // ends with ErrServerClosed
	return server
}

func (s *Server) metadata(r *revision) http.Handler {
	const root = "/computeMetadata/v1/"
	account := text(r.Template, "serviceAccount")
	mux := http.NewServeMux()
	for path, value := range map[string]string{
		"project/project-id":         r.Project,
		"project/numeric-project-id": googleapi.ProjectNumber(r.Project),
		"instance/id":                r.UID,
		"instance/region":            "projects/" + googleapi.ProjectNumber(r.Project) + "/regions/" + r.Location,
		"instance/zone":              "projects/" + googleapi.ProjectNumber(r.Project) + "/zones/" + r.Location + "-1",
		"instance/service-accounts/": "default/\n" + account + "/\n",
	} {
		mux.HandleFunc("GET "+root+path, func(w http.ResponseWriter, _ *http.Request) { writeText(w, value) })
	}
	accounts := "GET " + root + "instance/service-accounts/{account}/"
	known := func(h http.HandlerFunc) http.HandlerFunc {
		return func(w http.ResponseWriter, req *http.Request) {
			if a := req.PathValue("account"); a != "default" && a != account {
				http.NotFound(w, req)
				return
			}
			h(w, req)
		}
	}
	mux.HandleFunc(accounts+"email", known(func(w http.ResponseWriter, _ *http.Request) { writeText(w, account) }))
	mux.HandleFunc(accounts+"aliases", known(func(w http.ResponseWriter, _ *http.Request) { writeText(w, "default\n") }))
	mux.HandleFunc(accounts+"scopes", known(func(w http.ResponseWriter, _ *http.Request) {
		writeText(w, "https://www.googleapis.com/auth/cloud-platform\n")
	}))
	mux.HandleFunc(accounts+"{$}", known(func(w http.ResponseWriter, _ *http.Request) {
		googleapi.WriteJSON(w, http.StatusOK, object{
			"aliases": []string{"default"}, "email": account, "scopes": []string{"https://www.googleapis.com/auth/cloud-platform"},
		})
	}))
	mux.HandleFunc(accounts+"token", known(func(w http.ResponseWriter, _ *http.Request) {
		googleapi.WriteJSON(w, http.StatusOK, object{"access_token": "emulated." + uuid.NewString(), "expires_in": 3599, "token_type": "Bearer"})
	}))
	mux.HandleFunc(accounts+"identity", known(func(w http.ResponseWriter, req *http.Request) {
		s.metadataIdentity(w, req, account)
	}))
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) { writeText(w, "computeMetadata/\n") })
	return flavoured(mux)
}

func (s *Server) metadataIdentity(w http.ResponseWriter, r *http.Request, account string) {
	audience := r.URL.Query().Get("audience")
	if audience == "" {
		http.Error(w, "non-empty audience parameter required", http.StatusBadRequest)
		return
	}
	token, err := s.options.Identity.IDToken(account, audience)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	writeText(w, token)
}

// flavoured refuses requests that may have been forged through a browser or a proxy:
// https://cloud.google.com/compute/docs/metadata/querying-metadata#parts-of-a-request
func flavoured(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Metadata-Flavor", "Google")
		w.Header().Set("Server", "Metadata Server for Serverless")
		switch {
		case r.Header.Get("X-Forwarded-For") != "":
			http.Error(w, "X-Forwarded-For is not allowed", http.StatusForbidden)
		case r.URL.Path != "/" && r.Header.Get("Metadata-Flavor") != "Google":
			http.Error(w, "Missing Metadata-Flavor:Google header.", http.StatusForbidden)
		default:
			next.ServeHTTP(w, r)
		}
	})
}

func writeText(w http.ResponseWriter, s string) {
	w.Header().Set("Content-Type", "application/text")
	_, _ = w.Write([]byte(s))
}
