package mlflow

import (
	"crypto/rand"
	"io"
	"net/http"
	"net/url"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/slipway-ml/slipway/clients/blob"
	"github.com/slipway-ml/slipway/domain"
	"github.com/slipway-ml/slipway/domain/access"
	"github.com/slipway-ml/slipway/domain/registry"
	"github.com/slipway-ml/slipway/domain/tracking"
	"github.com/slipway-ml/slipway/handlers/download"
	"github.com/slipway-ml/slipway/handlers/route"
	"github.com/slipway-ml/slipway/storage"
)

const (
	proxy = "/api/2.0/mlflow-artifacts"
	ajax  = "/ajax-api/2.0/mlflow"
)

var artifacts = []route.Route{
	route.GET(proxy+"/artifacts", access.ArtifactRead, call(listArtifacts)),
	route.GET(proxy+"/artifacts/*", access.ArtifactRead, getArtifact),
	route.PUT(proxy+"/artifacts/*", access.ArtifactWrite, putArtifact),
	route.DELETE(proxy+"/artifacts/*", access.ArtifactDelete, deleteArtifact),
	route.POST(proxy+"/mpu/create/*", access.ArtifactWrite, call(createUpload)),
	route.POST(proxy+"/mpu/complete/*", access.ArtifactWrite, call(completeUpload)),
	route.POST(proxy+"/mpu/abort/*", access.ArtifactWrite, call(abortUpload)),
	route.PUT(proxy+"/mpu/parts/:upload/:part", access.ArtifactPart, putPart),
	route.GET(proxy+"/presigned/*", access.ArtifactRead, presigned("Multipart download is not supported for the current artifact repository")),
	route.POST(api2+"/artifacts/presigned-upload-url", access.ArtifactWrite, presignedCall("This server takes artifacts itself: PUT them to mlflow-artifacts/artifacts")),
	route.POST(api2+"/artifacts/presigned-download-url", access.ArtifactRead, presignedCall("This server hands artifacts out itself: GET them from mlflow-artifacts/artifacts")),

	route.GET(api2+"/artifacts/list", access.RunRead, call(listRunArtifacts)),
	route.GET(api2+"/logged-models/:id/artifacts/directories", access.LoggedModelRead, call(listModelArtifacts)),
	route.GET("/get-artifact", access.RunRead, getRunArtifact),
	route.GET("/model-versions/get-artifact", access.ModelRead, getVersionArtifact),
	route.GET(ajax+"/logged-models/:id/artifacts/files", access.LoggedModelRead, getModelArtifact),
	route.POST(ajax+"/upload-artifact", access.RunWrite, uploadRunArtifact),
}

type filesReply struct {
	RootURI string `json:"root_uri,omitempty"`
	Files   []file `json:"files,omitempty"`
}

func listArtifacts(r *route.Request, in struct {
	Path string `pb:"path"`
},
) (out filesReply, err error) {
	folder := in.Path
	if folder != "" {
		if folder, err = tracking.CleanArtifactPath(folder); err != nil {
			return out, err
		}
	}
	entries, err := route.Read(r, func(tx *storage.Tx) ([]tracking.Entry, error) {
		return tracking.ListArtifacts(r.Ctx(), tx, r.Grant, folder)
	})
	return filesReply{Files: fromEntries(entries, "")}, err
}

func getArtifact(r *route.Request) error {
	at, err := tracking.CleanArtifactPath(r.Tail())
	if err != nil {
		return err
	}
	a, err := route.Read(r, func(tx *storage.Tx) (tracking.Artifact, error) {
		return tracking.ArtifactAt(r.Ctx(), tx, r.Grant, at)
	})
	if err != nil {
		return err
	}
	return download.Attachment(r, a)
}

func putArtifact(r *route.Request) error {
	at, err := tracking.CleanArtifactPath(r.Tail())
	if err != nil {
		return err
	}
	if err := store(r, at); err != nil {
		return err
	}
	return r.NoContent(http.StatusOK)
}

// store streams the body into the blob store, outside any transaction, and then says what it is.
func store(r *route.Request, at string) error {
	b, err := r.Blobs.Put(r.Ctx(), route.Body(r))
	if err != nil {
		return err
	}
	return record(r, at, b)
}

func record(r *route.Request, at string, b blob.Blob) error {
	return route.Do(r, func(tx *storage.Tx) error {
		return tracking.PutArtifact(r.Ctx(), tx, r.Grant, tracking.Artifact{
			Workspace: r.Grant.Workspace(), Path: at, Size: b.Size, Digest: b.Digest,
			CreatedAt: tx.Now().UnixMilli(), CreatedBy: r.Grant.Actor().ID,
		})
	})
}

func deleteArtifact(r *route.Request) error {
	at, err := tracking.CleanArtifactPath(r.Tail())
	if err != nil {
		return err
	}
	if err := route.Do(r, func(tx *storage.Tx) error { return tracking.DeleteArtifacts(r.Ctx(), tx, r.Grant, at) }); err != nil {
		return err
	}
	return reply(r, empty{})
}

func presigned(why string) func(*route.Request) error {
	return func(*route.Request) error { return domain.Fail(domain.Unsupported, "artifact.presigned", "%s", why) }
}

func presignedCall(why string) func(*route.Request) error {
	return call(func(*route.Request, struct {
		Path string `pb:"path,required"`
	},
	) (empty, error) {
		return empty{}, domain.Fail(domain.Unsupported, "artifact.presigned", "%s", why)
	})
}

// A part of an upload may be sent for a day after the upload began.
const partTime = 24 * time.Hour

type credential struct {
	URL        string            `json:"url"`
	PartNumber int               `json:"part_number"`
	Headers    map[string]string `json:"headers"`
}

type uploadReply struct {
	ID          string       `json:"upload_id"`
	Credentials []credential `json:"credentials"`
}

// uploadPath is where an upload goes: the folder in the URL and the base name of the client's own file.
func uploadPath(r *route.Request, local string) (string, error) {
	name := local[strings.LastIndexAny(local, `/\`)+1:]
	return tracking.CleanArtifactPath(strings.TrimSuffix(r.Tail(), "/") + "/" + name)
}

func createUpload(r *route.Request, in struct {
	Path  string `pb:"path,required"`
	Parts int64  `pb:"num_parts"`
},
) (out uploadReply, err error) {
	at, err := uploadPath(r, in.Path)
	if err != nil {
		return out, err
	}
	out.ID = rand.Text()
	err = route.Do(r, func(tx *storage.Tx) error {
		return tracking.BeginUpload(r.Ctx(), tx, r.Grant, tracking.Upload{
			ID: out.ID, Workspace: r.Grant.Workspace(), Path: at, Parts: int(in.Parts),
			CreatedAt: tx.Now().UnixMilli(), CreatedBy: r.Grant.Actor().ID,
		})
	})
	if err != nil {
		return out, err
	}
	for n := 1; n <= int(in.Parts); n++ {
		part := strconv.Itoa(n)
		expires, signature := r.Sign.Sign(time.Now().Add(partTime), "part", r.Grant.Workspace(), out.ID, part)
		q := url.Values{"workspace": {r.Grant.Workspace()}, "expires": {expires}, "signature": {signature}}
		out.Credentials = append(out.Credentials, credential{
			r.Absolute(proxy + "/mpu/parts/" + out.ID + "/" + part + "?" + q.Encode()), n, map[string]string{},
		})
	}
	return out, nil
}

func putPart(r *route.Request) error {
	upload, part := r.Param("upload"), r.Param("part")
	workspace := r.QueryParam("workspace")
	if err := r.Sign.Check(time.Now(), r.QueryParam("expires"), r.QueryParam("signature"), "part", workspace, upload, part); err != nil {
		return err
	}
	n, err := strconv.Atoi(part)
	if err != nil {
		return domain.Fail(domain.Invalid, "upload.part", "%q is not a part number", part)
	}
	if workspace == r.Grant.Workspace() { // others were checked by the signature alone
		if _, err := route.Read(r, func(tx *storage.Tx) (tracking.Upload, error) {
			return tracking.UploadByID(r.Ctx(), tx, r.Grant, access.ArtifactPart, upload)
		}); err != nil {
			return err
		}
	}
	etag, err := r.Blobs.PutPart(r.Ctx(), upload, n, route.Body(r))
	if err != nil {
		return err
	}
	r.Response().Header().Set("ETag", `"`+etag+`"`)
	return r.NoContent(http.StatusOK)
}

type uploadedPart struct {
	Number int64  `pb:"part_number,required"`
	ETag   string `pb:"etag"`
	URL    string `pb:"url"`
}

func completeUpload(r *route.Request, in struct {
	Path  string         `pb:"path,required"`
	ID    string         `pb:"upload_id,required"`
	Parts []uploadedPart `pb:"parts"`
},
) (empty, error) {
	u, err := findUpload(r, in.Path, in.ID)
	if err != nil {
		return empty{}, err
	}
	parts := make([]blob.Part, len(in.Parts))
	for i, p := range in.Parts {
		if p.Number != int64(i+1) {
			return empty{}, domain.Fail(domain.Invalid, "upload.order", "the parts must be given in order, from 1 without gaps: part %d stands at place %d", p.Number, i+1)
		}
		parts[i] = blob.Part{Number: i + 1, Digest: strings.Trim(p.ETag, `"`)}
	}
	if len(parts) != u.Parts {
		return empty{}, domain.Fail(domain.Invalid, "upload.count", "the upload was begun with %d parts and completed with %d", u.Parts, len(parts))
	}
	b, err := r.Blobs.Join(r.Ctx(), u.ID, parts)
	if err != nil {
		return empty{}, err
	}
	if err := record(r, u.Path, b); err != nil {
		return empty{}, err
	}
	return endUpload(r, u.ID)
}

func abortUpload(r *route.Request, in struct {
	Path string `pb:"path,required"`
	ID   string `pb:"upload_id,required"`
},
) (empty, error) {
	u, err := findUpload(r, in.Path, in.ID)
	if err != nil {
		return empty{}, err
	}
	return endUpload(r, u.ID)
}

func findUpload(r *route.Request, local, id string) (u tracking.Upload, err error) {
	at, err := uploadPath(r, local)
	if err != nil {
		return u, err
	}
	u, err = route.Read(r, func(tx *storage.Tx) (tracking.Upload, error) {
		return tracking.UploadByID(r.Ctx(), tx, r.Grant, access.ArtifactWrite, id)
	})
	if err == nil && u.Path != at {
		err = domain.Fail(domain.Invalid, "upload.path", "upload %q is not for this path", id)
	}
	return u, err
}

func endUpload(r *route.Request, id string) (empty, error) {
	if err := route.Do(r, func(tx *storage.Tx) error { return tracking.EndUpload(r.Ctx(), tx, r.Grant, id) }); err != nil {
		return empty{}, err
	}
	return done(r.Blobs.Drop(r.Ctx(), id))
}

func listRunArtifacts(r *route.Request, in struct {
	ID   string `pb:"run_id"`
	UUID string `pb:"run_uuid"`
	Path string `pb:"path"`
},
) (filesReply, error) {
	id, err := runID{in.ID, in.UUID}.get()
	if err != nil {
		return filesReply{}, err
	}
	return below(r, in.Path, func(tx *storage.Tx) (string, error) {
		return tracking.RunRoot(r.Ctx(), tx, r.Grant, access.RunRead, id)
	})
}

func listModelArtifacts(r *route.Request, in struct {
	Path string `pb:"artifact_directory_path"`
},
) (filesReply, error) {
	return below(r, in.Path, func(tx *storage.Tx) (string, error) {
		m, err := tracking.LoggedModelByID(r.Ctx(), tx, r.Grant, r.Param("id"))
		return m.ArtifactURI, err
	})
}

// below lists a folder under the root of a run or model. What lies in another store is for the client to list.
func below(r *route.Request, folder string, root func(*storage.Tx) (string, error)) (out filesReply, err error) {
	if folder != "" {
		if folder, err = tracking.CleanArtifactPath(folder); err != nil {
			return out, err
		}
	}
	entries, err := route.Read(r, func(tx *storage.Tx) (entries []tracking.Entry, err error) {
		if out.RootURI, err = root(tx); err != nil {
			return nil, err
		}
		at, ours := tracking.StorePath(out.RootURI)
		if !ours {
			return nil, nil
		}
		return tx.ArtifactEntries(r.Ctx(), r.Grant.Workspace(), path.Join(at, folder))
	})
	out.Files = fromEntries(entries, folder)
	return out, err
}

func getRunArtifact(r *route.Request) error {
	id, err := runID{r.QueryParam("run_id"), r.QueryParam("run_uuid")}.get()
	if err != nil {
		return err
	}
	return download.Below(r, r.QueryParam("path"), func(tx *storage.Tx) (string, error) {
		return tracking.RunRoot(r.Ctx(), tx, r.Grant, access.RunRead, id)
	})
}

func getVersionArtifact(r *route.Request) error {
	n, err := versionNumber(r.QueryParam("version"))
	if err != nil {
		return err
	}
	return download.Below(r, r.QueryParam("path"), func(tx *storage.Tx) (string, error) {
		return registry.DownloadURI(r.Ctx(), tx, r.Grant, r.QueryParam("name"), n)
	})
}

func getModelArtifact(r *route.Request) error {
	return download.Below(r, r.QueryParam("artifact_file_path"), func(tx *storage.Tx) (string, error) {
		m, err := tracking.LoggedModelByID(r.Ctx(), tx, r.Grant, r.Param("id"))
		return m.ArtifactURI, err
	})
}

// maxBrowserUpload is the protocol's limit for files from a browser.
const maxBrowserUpload = 10 << 20

func tooLargeForBrowser() error {
	return domain.Fail(domain.Invalid, "artifact.browser_limit", "Artifact size is too large. Max size is 10MB: upload larger files with the client.")
}

func uploadRunArtifact(r *route.Request) error {
	id, err := runID{r.QueryParam("run_id"), r.QueryParam("run_uuid")}.get()
	if err != nil {
		return err
	}
	name, err := tracking.CleanArtifactPath(r.QueryParam("path"))
	if err != nil {
		return err
	}
	root, err := route.Read(r, func(tx *storage.Tx) (string, error) {
		return tracking.RunRoot(r.Ctx(), tx, r.Grant, access.RunWrite, id)
	})
	if err != nil {
		return err
	}
	at, ours := tracking.StorePath(root)
	if !ours {
		return domain.Fail(domain.Invalid, "artifact.elsewhere", "the artifacts of this run lie in %s, which this server does not reach", root)
	}
	if r.Request().ContentLength > maxBrowserUpload {
		return tooLargeForBrowser()
	}
	in := io.LimitReader(route.Body(r), maxBrowserUpload+1)
	b, err := r.Blobs.Put(r.Ctx(), in)
	switch {
	case err != nil:
		return err
	case b.Size > maxBrowserUpload: // its bytes are swept up
		return tooLargeForBrowser()
	case b.Size == 0:
		return domain.Fail(domain.Invalid, "artifact.empty", "Request must specify data.")
	}
	if err := route.Do(r, func(tx *storage.Tx) error {
		return tracking.PutRunArtifact(r.Ctx(), tx, r.Grant, id, tracking.Artifact{
			Workspace: r.Grant.Workspace(), Path: path.Join(at, name), Size: b.Size, Digest: b.Digest,
			CreatedAt: tx.Now().UnixMilli(), CreatedBy: r.Grant.Actor().ID,
		})
	}); err != nil {
		return err
	}
	return r.NoContent(http.StatusOK)
}
