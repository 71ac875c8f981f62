package card

// The parts of CycloneDX 1.6 (https://cyclonedx.org/docs/1.6/json/) that a bill of materials of a model needs, in the
// order in which they are written. The names are the standard's.
type (
	bom struct {
		Schema       string       `json:"$schema"`
		Format       string       `json:"bomFormat"`
		SpecVersion  string       `json:"specVersion"`
		SerialNumber string       `json:"serialNumber"`
		Version      int          `json:"version"`
		Metadata     metadata     `json:"metadata"`
		Components   []component  `json:"components,omitempty"`
		Dependencies []dependency `json:"dependencies"`
	}
	metadata struct {
		Timestamp string     `json:"timestamp"`
		Tools     toolChoice `json:"tools"`
		Component component  `json:"component"`
	}
	toolChoice struct {
		Components []component `json:"components"`
	}
	component struct {
		Type         string          `json:"type"`
		Ref          string          `json:"bom-ref,omitempty"`
		Manufacturer *organization   `json:"manufacturer,omitempty"`
		Authors      []person        `json:"authors,omitempty"`
		Name         string          `json:"name"`
		Version      string          `json:"version,omitempty"`
		Description  string          `json:"description,omitempty"`
		Hashes       []hash          `json:"hashes,omitempty"`
		Licences     []licenceChoice `json:"licenses,omitempty"`
		Pedigree     *pedigree       `json:"pedigree,omitempty"`
		References   []reference     `json:"externalReferences,omitempty"`
		Components   []component     `json:"components,omitempty"`
		ModelCard    *modelCard      `json:"modelCard,omitempty"`
		Data         []componentData `json:"data,omitempty"`
		Properties   []property      `json:"properties,omitempty"`
		Tags         []string        `json:"tags,omitempty"`
	}
	organization struct {
		Name string `json:"name"`
	}
	person struct {
		Name  string `json:"name,omitempty"`
		Email string `json:"email,omitempty"`
	}
	hash struct {
		Algorithm string `json:"alg"`
		Content   string `json:"content"`
	}
	licenceChoice struct {
		Expression string `json:"expression"`
	}
	pedigree struct {
		Ancestors []component `json:"ancestors,omitempty"`
		Commits   []commit    `json:"commits,omitempty"`
		Notes     string      `json:"notes,omitempty"`
	}
	commit struct {
		ID string `json:"uid"`
	}
	reference struct {
		URL  string `json:"url"`
		Type string `json:"type"`
	}
	property struct {
		Name  string `json:"name"`
		Value string `json:"value"`
	}
	dependency struct {
		Ref string   `json:"ref"`
		On  []string `json:"dependsOn,omitempty"`
	}
	componentData struct {
		Type          string    `json:"type"`
		Name          string    `json:"name,omitempty"`
		Contents      *contents `json:"contents,omitempty"`
		SensitiveData []string  `json:"sensitiveData,omitempty"`
		Description   string    `json:"description,omitempty"`
	}
	contents struct {
		URL string `json:"url"`
	}
	modelCard struct {
		Parameters     *modelParameters `json:"modelParameters,omitempty"`
		Analysis       *analysis        `json:"quantitativeAnalysis,omitempty"`
		Considerations *considerations  `json:"considerations,omitempty"`
		Properties     []property       `json:"properties,omitempty"`
	}
	modelParameters struct {
		Task         string       `json:"task,omitempty"`
		Architecture string       `json:"modelArchitecture,omitempty"`
		Datasets     []datasetRef `json:"datasets,omitempty"`
		Inputs       []format     `json:"inputs,omitempty"`
		Outputs      []format     `json:"outputs,omitempty"`
	}
	datasetRef struct {
		Ref string `json:"ref"`
	}
	format struct {
		Format string `json:"format"`
	}
	analysis struct {
		Metrics []performance `json:"performanceMetrics"`
	}
	performance struct {
		Type     string      `json:"type"`
		Value    string      `json:"value"` // a text, says the standard
		Slice    string      `json:"slice,omitempty"`
		Interval *confidence `json:"confidenceInterval,omitempty"`
	}
	confidence struct {
		Low  string `json:"lowerBound"`
		High string `json:"upperBound"`
	}
	considerations struct {
		Users       []string       `json:"users,omitempty"`
		UseCases    []string       `json:"useCases,omitempty"`
		Limitations []string       `json:"technicalLimitations,omitempty"`
		Tradeoffs   []string       `json:"performanceTradeoffs,omitempty"`
		Ethics      []ethicalRisk  `json:"ethicalConsiderations,omitempty"`
		Environment *environmental `json:"environmentalConsiderations,omitempty"`
		Fairness    []fairness     `json:"fairnessAssessments,omitempty"`
	}
	ethicalRisk struct {
		Name       string `json:"name"`
		Mitigation string `json:"mitigationStrategy,omitempty"`
	}
	fairness struct {
		Group      string `json:"groupAtRisk"`
		Benefit    string `json:"benefits,omitempty"`
		Harm       string `json:"harms,omitempty"`
		Mitigation string `json:"mitigationStrategy,omitempty"`
	}
	environmental struct {
		Energy     []energyUse `json:"energyConsumptions,omitempty"`
		Properties []property  `json:"properties,omitempty"`
	}
	energyUse struct {
		Activity  string     `json:"activity"`
		Providers []struct{} `json:"energyProviders"` // required, and nobody says
		Energy    measure    `json:"activityEnergyCost"`
		CO2       *measure   `json:"co2CostEquivalent,omitempty"`
	}
	measure struct {
		Value float64 `json:"value"`
		Unit  string  `json:"unit"`
	}
)
